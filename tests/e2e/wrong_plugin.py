"""A device plugin for the tests: one that takes a name of Kerf's, or does what crashes kubelet.

    /usr/bin/python3 wrong_plugin.py RESOURCE COUNT            serves COUNT devices, well
    /usr/bin/python3 wrong_plugin.py RESOURCE COUNT --unlist   unlists a device while it is being allocated

Its messages are written by hand: they have two or three fields each. Needs Debian's python3-grpcio.
"""
import os
import queue
import signal
import socket
import sys
import threading
import time
from concurrent import futures

import grpc

PLUGINS = "/var/lib/kubelet/device-plugins"
RESOURCES = "unix:///var/lib/kubelet/pod-resources/kubelet.sock"
SOCKET = f"other-{os.getpid()}.sock"


def field(number, value):
    """A field of a message: text or bytes, or a small number."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    data = value.encode() if isinstance(value, str) else value
    assert len(data) < 16384
    size = bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 127 | 128, len(data) >> 7])
    return bytes([number << 3 | 2]) + size + data


def device_list(ids):
    return b"".join(field(1, field(1, name) + field(2, "Healthy")) for name in ids)


def kubelet_listens():
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(f"{PLUGINS}/kubelet.sock") == 0


class Plugin:
    def __init__(self, resource, count, unlists):
        self.resource, self.unlists = resource, unlists
        self.ids = [f"other-{number}" for number in range(count)]
        self.lists = queue.Queue()
        self.lists.put(self.ids)
        self.gone = threading.Event()

    def options(self, request, context):
        return b""

    def list_and_watch(self, request, context):
        context.add_callback(self.gone.set)
        self.lists.put(self.ids)
        while context.is_active():
            try:
                yield device_list(self.lists.get(timeout=0.2))
            except queue.Empty:
                pass

    def allocate(self, request, context):
        print("allocate", request, flush=True)
        if self.unlists:
            self.lists.put([])
            while self.is_listed():
                time.sleep(0.01)
        return field(1, b"")

    def is_listed(self):
        with grpc.insecure_channel(RESOURCES) as channel:
            ask = channel.unary_unary("/v1.PodResourcesLister/GetAllocatableResources")
            return self.resource.encode() in ask(b"", timeout=10)

    def serve(self):
        while not kubelet_listens():  # when it starts it removes all sockets but its own
            time.sleep(0.02)
        def of(kind, function):
            return kind(function)
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", {
            "GetDevicePluginOptions": of(grpc.unary_unary_rpc_method_handler, self.options),
            "ListAndWatch": of(grpc.unary_stream_rpc_method_handler, self.list_and_watch),
            "Allocate": of(grpc.unary_unary_rpc_method_handler, self.allocate)})])
        server.add_insecure_port(f"unix:{PLUGINS}/{SOCKET}")
        server.start()
        signal.signal(signal.SIGTERM, lambda *_: self.gone.set())
        self.register()
        while not self.gone.wait(0.2):  # a signal's handler runs between two waits
            pass
        print("kubelet has gone, or has another one for that name", flush=True)
        server.stop(None).wait()
        if os.path.exists(f"{PLUGINS}/{SOCKET}"):
            os.unlink(f"{PLUGINS}/{SOCKET}")

    def register(self):
        with grpc.insecure_channel(f"unix:{PLUGINS}/kubelet.sock") as channel:
            register = channel.unary_unary("/v1beta1.Registration/Register")
            register(field(1, "v1beta1") + field(2, SOCKET) + field(3, self.resource), timeout=10,
                     wait_for_ready=True)
        print("registered", flush=True)


if __name__ == "__main__":
    Plugin(sys.argv[1], int(sys.argv[2]), "--unlist" in sys.argv).serve()
