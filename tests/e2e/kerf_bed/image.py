"""Writes container images of one layer, static busybox, as OCI archives that containerd imports."""
import hashlib
import io
import json
import os
import tarfile

BUSYBOX = "/bin/busybox"
COMMANDS = ("sh", "sleep", "env", "ls", "cat", "echo", "test", "id", "ip", "wget", "nc", "touch", "mkdir",
            "grep", "mount", "hostname", "ps", "kill", "true", "false", "readlink", "stat", "date", "seq")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


def write_image(path, reference, entry):
    """An image `reference` (with its registry's name) that starts `entry`, a list of words."""
    architecture = ARCHITECTURE[os.uname().machine]
    layer = _layer()
    config = json.dumps({
        "architecture": architecture, "os": "linux", "config": {"Entrypoint": entry, "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]}}).encode()
    oci = "application/vnd.oci.image."
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
        "config": _descriptor(oci + "config.v1+json", config),
        "layers": [_descriptor(oci + "layer.v1.tar", layer)]}).encode()
    index = json.dumps({"schemaVersion": 2, "manifests": [{
        **_descriptor(oci + "manifest.v1+json", manifest),
        "platform": {"os": "linux", "architecture": architecture},
        "annotations": {"io.containerd.image.name": reference}}]}).encode()
    with tarfile.open(path, "w") as archive:
        _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(archive, "index.json", index)
        for blob in (layer, config, manifest):
            _add(archive, "blobs/sha256/" + _digest(blob).removeprefix("sha256:"), blob)


def _layer():
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        for name in ("bin", "tmp", "etc", "proc", "sys", "dev", "run", "var"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(folder)
        with open(BUSYBOX, "rb") as file:
            _add(archive, "bin/busybox", file.read(), 0o755)
        for name in COMMANDS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return memory.getvalue()


def _add(archive, name, content, mode=0o644):
    file = tarfile.TarInfo(name)
    file.size, file.mode = len(content), mode
    archive.addfile(file, io.BytesIO(content))


def _digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _descriptor(kind, content):
    return {"mediaType": kind, "digest": _digest(content), "size": len(content)}
