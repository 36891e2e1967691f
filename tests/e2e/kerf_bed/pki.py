"""The certificates of a bed, made by openssl, and the kubeconfig files that go with them."""
import json

from .common import API_ADDRESS, API_PORT, SERVICE_ADDRESS, run

DAYS = "30"
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def make_authority(folder):
    folder.mkdir()
    run(["openssl", "req", "-x509", *NEW_KEY, "-keyout", folder / "ca.key", "-out", folder / "ca.crt",
         "-subj", "/CN=bed", "-days", DAYS], "certificate authority")
    run(["openssl", "genrsa", "-out", folder / "sa.key", "2048"], "key of service accounts")


def make_certificate(folder, name, subject, *extensions):
    command = ["openssl", "req", "-x509", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", *NEW_KEY,
               "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt", "-subj", subject,
               "-days", DAYS, "-addext", "basicConstraints=critical,CA:false"]
    for extension in extensions:
        command += ["-addext", extension]
    run(command, f"certificate {name}")


def make_server_certificate(folder, name):
    make_certificate(folder, name, f"/CN={name}", "extendedKeyUsage=serverAuth",
                     f"subjectAltName=IP:127.0.0.1,IP:{API_ADDRESS},IP:{SERVICE_ADDRESS},DNS:localhost,"
                     "DNS:kubernetes.default.svc,DNS:kubernetes")


def make_client(folder, name, subject, kubeconfig):
    """A certificate with which someone speaks to the API server, and a kubeconfig file that uses it."""
    make_certificate(folder, name, subject, "extendedKeyUsage=clientAuth")
    cluster = {"server": f"https://{API_ADDRESS}:{API_PORT}",
               "certificate-authority": str(folder / "ca.crt")}
    user = {"client-certificate": str(folder / f"{name}.crt"),
            "client-key": str(folder / f"{name}.key")}
    kubeconfig.write_text(json.dumps({  # JSON is YAML
        "apiVersion": "v1", "kind": "Config", "current-context": "bed",
        "clusters": [{"name": "bed", "cluster": cluster}], "users": [{"name": name, "user": user}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": name}}]}, indent=1) + "\n")
