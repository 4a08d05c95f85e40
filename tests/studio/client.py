"""A studio in a process of its own, and a client for it. Standard library only."""
import http.client
import json
import re
import socket
import subprocess
import time


class Studio:
    def __init__(self, bench, arguments=(), browser=False):
        options = ["--port", "0"] + ([] if browser else ["--no-browser"]) + list(arguments)
        self.process = subprocess.Popen(
            [bench.program, "studio"] + options, cwd=bench.folder, env=bench.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline().decode()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=([0-9a-f]{32})\n", line)
        assert match, "the studio says %r %s" % (line, self.process.stderr.read().decode())
        self.address, self.port, self.token = line.strip(), int(match[1]), match[2]

    def end(self):
        """Ends it as Ctrl-C does; the exit code."""
        self.process.terminate()
        self.said = self.process.communicate(timeout=60)[1].decode()
        return self.process.returncode

    def ask(self, method, path, body=None, headers=None, bare=False):
        """Status, headers and body of a request; `bare` leaves the token out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {} if bare else {"Authorization": "Bearer " + self.token}
        sent.update(headers or {})
        connection.request(method, path, body, sent)
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, dict(response.getheaders()), data

    def post(self, path, value):
        status, _, data = self.ask("POST", path, json.dumps(value),
                                   {"Content-Type": "application/json"})
        return status, json.loads(data)

    def upload(self, path, data):
        status, _, answer = self.ask("POST", path, data,
                                     {"Content-Type": "application/octet-stream"})
        return status, json.loads(answer)

    def state(self, after=0):
        return json.loads(self.ask("GET", "/api/state?after=%d" % after)[2])

    def wait(self, true, seconds=120):
        """The first state of which `true` holds."""
        until, state = time.monotonic() + seconds, self.state()
        while not true(state):
            assert time.monotonic() < until, "this does not come: %s" % state
            state = self.state(state["version"])
        return state

    def raw(self, data, wait=5):
        """Sends bytes as they are; what comes back until the connection is closed."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(65536):
                    answer += piece
            except OSError:
                pass
        return answer
