"""A small client of the bed's API server, for the parts of the bed that run beside it."""
import http.client
import json
import ssl

from .common import API_PORT


class Api:
    """Speaks as the user of the certificate `name` in the bed's folder of certificates."""

    def __init__(self, pki, name="admin"):
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(str(pki / f"{name}.crt"), str(pki / f"{name}.key"))

    def _request(self, path, timeout):
        connection = http.client.HTTPSConnection("127.0.0.1", API_PORT, context=self._context,
                                                 timeout=timeout)
        connection.request("GET", path)
        return connection, connection.getresponse()

    def ok(self, path):
        """Does the path answer, and with success?"""
        try:
            connection, answer = self._request(path, 10)
            answer.read()
            connection.close()
            return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path):
        connection, answer = self._request(path, 30)
        content = answer.read()
        connection.close()
        if answer.status != 200:
            raise OSError(f"GET {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)

    def watch(self, path, version):
        """Yields (type, object) for each change after `version`, for some minutes."""
        connection, answer = self._request(
            f"{path}?watch=1&resourceVersion={version}&timeoutSeconds=300", 330)
        try:
            if answer.status != 200:
                raise OSError(f"watch {path}: {answer.status}")
            while line := answer.readline():
                event = json.loads(line)
                yield event["type"], event["object"]
        finally:
            connection.close()


def answers(port, path, tls):
    """Does a server of this bed say that it is well? Its certificate is its own affair."""
    try:
        if tls:
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10,
                                                     context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
