"""A small client of the bed's API server, for the parts of the bed that run beside it, and for tests."""
import http.client
import json
import ssl

from . import linux
from .common import API_PORT

MERGE = "application/merge-patch+json"


class ApiError(OSError):
    """What the API server refused; `code` is HTTP's."""

    def __init__(self, method, path, code, content):
        super().__init__(f"{method} {path}: {code} {content[:600].decode(errors='replace')}")
        self.code = code


class Api:
    """Speaks as the user of the certificate `name` in the bed's folder of certificates, or of a token.

    pid     a process of the bed, for who is outside its network; any thread may call
    """

    def __init__(self, pki, name="admin", *, pid=None, token=None):
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        if token is None:
            self._context.load_cert_chain(str(pki / f"{name}.crt"), str(pki / f"{name}.key"))
        self._pid = pid
        self._headers = {"Accept": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}

    def _send(self, method, path, timeout, body=None, kind="application/json"):
        connection = http.client.HTTPSConnection("127.0.0.1", API_PORT, context=self._context,
                                                 timeout=timeout)
        if self._pid:
            plain = linux.connect_in_network_of(self._pid, ("127.0.0.1", API_PORT), timeout)
            connection.sock = self._context.wrap_socket(plain, server_hostname="127.0.0.1")
        headers = {**self._headers, **({} if body is None else {"Content-Type": kind})}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        return connection, connection.getresponse()

    def call(self, method, path, body=None, kind="application/json"):
        """The object that the server answers with; ApiError if it refuses, OSError if it is away."""
        try:
            connection, answer = self._send(method, path, 30, body, kind)
            content = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        connection.close()
        if answer.status >= 300:
            raise ApiError(method, path, answer.status, content)
        return json.loads(content)

    def ok(self, path):
        """Does the path answer, and with success?"""
        try:
            connection, answer = self._send("GET", path, 10)
            answer.read()
            connection.close()
            return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path):
        return self.call("GET", path)

    def find(self, path):
        """The object, or None if there is none of that name."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def post(self, path, body):
        return self.call("POST", path, body)

    def put(self, path, body):
        return self.call("PUT", path, body)

    def patch(self, path, body):
        """A merge patch."""
        return self.call("PATCH", path, body, MERGE)

    def delete(self, path):
        """Asks for its end; whether it was there or not."""
        try:
            return self.call("DELETE", path)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    def watch(self, path, version):
        """Yields (type, object) for each change after `version`, for some minutes."""
        connection, answer = self._send(
            "GET", f"{path}?watch=1&resourceVersion={version}&timeoutSeconds=300", 330)
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
