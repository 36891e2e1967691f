"""What a device plugin sees of the kubelet: a registration socket, and calls of its own."""
import importlib
import queue
import subprocess
import sys
import threading
from concurrent import futures

import grpc


class Kubelet:
    """Serves registration in `folder`, which a plugin sees as /var/lib/kubelet/device-plugins.

    The API is compiled from the api.proto of the plugin's own sources into `scratch`.
    """

    def __init__(self, folder, proto, scratch):
        self.folder = folder
        subprocess.run(["protoc", f"--proto_path={proto.parent}", f"--python_out={scratch}",
                        proto.name], check=True)
        sys.path.insert(0, str(scratch))
        self.api = importlib.import_module(proto.stem + "_pb2")
        sys.path.pop(0)
        self.registrations = queue.Queue()
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            "v1beta1.Registration", {"Register": grpc.unary_unary_rpc_method_handler(
                self._register, request_deserializer=self.api.RegisterRequest.FromString,
                response_serializer=self.api.Empty.SerializeToString)})])
        self.server.add_insecure_port(f"unix:{folder}/kubelet.sock")
        self.server.start()

    def _register(self, request, _):
        self.registrations.put(request)
        return self.api.Empty()

    def registered(self, wanted, seconds=30):
        """The requests of the resources that a plugin registered: `wanted`, and any more within a
        second; fewer if time is up."""
        found = []
        try:
            while True:
                found.append(self.registrations.get(timeout=seconds if len(found) < wanted else 1))
        except queue.Empty:
            return found

    def connect(self, endpoint):
        return Plugin(self.api, f"unix:{self.folder}/{endpoint}")

    def stop(self):
        self.server.stop(None).wait()


class Plugin:
    """One resource of a device plugin, as the kubelet calls it."""

    def __init__(self, api, address):
        self.api = api
        self.channel = grpc.insecure_channel(address)
        self.lists = queue.Queue()  # answers of ListAndWatch: dicts of id -> health
        watch = self.channel.unary_stream("/v1beta1.DevicePlugin/ListAndWatch",
                                          request_serializer=api.Empty.SerializeToString,
                                          response_deserializer=api.ListAndWatchResponse.FromString)
        self.stream = watch(api.Empty())
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        try:
            for answer in self.stream:
                self.lists.put({device.ID: device.health for device in answer.devices})
        except grpc.RpcError:
            pass  # it was closed, or the plugin has gone

    def next_list(self, seconds):
        """The next answer of ListAndWatch; None if none comes."""
        try:
            return self.lists.get(timeout=seconds)
        except queue.Empty:
            return None

    def call(self, method, request, answer):
        return self.channel.unary_unary(f"/v1beta1.DevicePlugin/{method}",
                                        request_serializer=type(request).SerializeToString,
                                        response_deserializer=answer.FromString)(request, timeout=20)

    def allocate(self, ids):
        """(environment, paths of devices) of one container that gets these."""
        request = self.api.AllocateRequest()
        wanted = request.container_requests.add()
        field = next(f.name for f in wanted.DESCRIPTOR.fields)  # devices_ids, devicesIDs of old
        getattr(wanted, field).extend(ids)
        answer = self.call("Allocate", request, self.api.AllocateResponse).container_responses[0]
        return dict(answer.envs), sorted(device.host_path for device in answer.devices)

    def prefer(self, ids, size):
        request = self.api.PreferredAllocationRequest()
        wanted = request.container_requests.add()
        wanted.available_deviceIDs.extend(ids)
        wanted.allocation_size = size
        answer = self.call("GetPreferredAllocation", request, self.api.PreferredAllocationResponse)
        return list(answer.container_responses[0].deviceIDs)

    def close(self):
        self.stream.cancel()
        self.channel.close()
