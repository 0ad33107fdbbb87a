# SPDX-License-Identifier: MIT
"""A local stand-in for the OpenAI Responses API and the Anthropic Messages API, as documented. What
it does follows from the prompt's first word; requests are kept for inspection."""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "sk-test-0123"
PIECES = ["Axolotls ", "regrow ", "limbs: ", "grüße 🦎.", "\nSecond line."]
WHOLE = "".join(PIECES)
TIMEOUT = 5  # seconds, of the bridge; more than a busy host may stand still


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Silence."""

    def do_POST(self):  # pylint: disable=invalid-name
        """Both APIs."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        openai = self.path.endswith("/responses")
        self.server.requests.append((self.path, dict(self.headers.items()), body))
        key = self.headers.get("Authorization", "").removeprefix("Bearer ") if openai \
            else self.headers.get("x-api-key")
        if self.path not in ("/v1/responses", "/v1/messages"):
            return self.error(404, "no such path")
        if key != KEY:
            return self.error(401, "Incorrect API key provided.")
        if not openai and self.headers.get("anthropic-version") != "2023-06-01":
            return self.error(400, "anthropic-version: header is required")
        prompt = body["input"] if openai else body["messages"][0]["content"]
        word = prompt.split()[0]
        if word == "limit":
            return self.error(429, "Rate limit reached\n for requests")
        if word == "html":
            return self.reply(502, "text/html", b"<h1>Bad Gateway</h1>")
        if word == "slow":
            time.sleep(4 * TIMEOUT)
        if word == "hangup":
            return self.connection.close()
        if word == "badjson" and not body.get("stream"):
            return self.reply(200, "application/json", b"{this is no json")
        if word == "odd" and not body.get("stream"):
            return self.reply(200, "application/json", b"[1, 2]")
        if body.get("stream"):
            return self.stream(openai_events(word) if openai else anthropic_events(word), word)
        answer = openai_answer(word) if openai else anthropic_answer(word)
        return self.reply(200, "application/json", json.dumps(answer).encode())

    def reply(self, code, kind, data):
        """A whole answer."""
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def error(self, code, message):
        """Both APIs have error.message."""
        self.reply(code, "application/json",
                   json.dumps({"error": {"type": "error", "message": message}}).encode())

    def stream(self, events, word):
        """Server-sent events in chunks."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number, event in enumerate(events):
            data = json.dumps(event, ensure_ascii=False).encode()
            if word == "badjson" and number == 3:
                data = b"{this is no json"
            if word == "broken" and number == 4:
                self.connection.close()
                return
            if word == "stall" and number == 4:
                time.sleep(4 * TIMEOUT)
            if word == "patient" and number == 4:
                self.server.go.wait(60)
            self.chunk(b"event: " + event["type"].encode() + b"\n")
            self.chunk(b"data: " + data + b"\n\n")
        self.chunk(b"")

    def chunk(self, data):
        """One chunk, sent at once."""
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
        except OSError:
            pass


def openai_answer(word):
    """A response object."""
    answer = {"id": "resp_1", "object": "response", "status": "completed", "error": None,
              "incomplete_details": None, "output": [
                  {"type": "reasoning", "id": "rs_1", "summary": []},
                  {"type": "message", "role": "assistant",
                   "content": [{"type": "output_text", "text": WHOLE, "annotations": []}]}]}
    if word == "cut":
        answer.update(status="incomplete", incomplete_details={"reason": "max_output_tokens"})
    if word == "filter":
        answer.update(status="incomplete", incomplete_details={"reason": "content_filter"})
    if word == "fail":
        answer.update(status="failed", error={"code": "server_error", "message": "The model broke"})
    if word == "empty":
        answer["output"] = []
    return answer


def openai_events(word):
    """The events of a streamed response."""
    yield {"type": "response.created", "response": {"status": "in_progress"}}
    yield {"type": "response.in_progress", "response": {"status": "in_progress"}}
    if word == "error":
        yield {"type": "error", "code": "server_error", "message": "Something went wrong"}
        return
    for piece in [] if word == "empty" else PIECES:
        yield {"type": "response.output_text.delta", "output_index": 1, "delta": piece}
    yield {"type": "response.output_text.done", "text": WHOLE}
    kind = {"cut": "incomplete", "filter": "incomplete", "fail": "failed"}.get(word, "completed")
    yield {"type": "response." + kind, "response": openai_answer(word)}


def anthropic_answer(word):
    """A message object."""
    reason = {"cut": "max_tokens", "filter": "refusal"}.get(word, "end_turn")
    content = [] if word == "empty" else [{"type": "text", "text": WHOLE}]
    if word == "fail":
        return {"type": "error", "error": {"type": "api_error", "message": "The model broke"}}
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": content,
            "stop_reason": reason, "usage": {"output_tokens": 9}}


def anthropic_events(word):
    """The events of a streamed message."""
    yield {"type": "message_start", "message": {"id": "msg_1", "content": []}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "ping"}
    if word in ("error", "fail"):
        yield {"type": "error", "error": {"type": "overloaded_error", "message":
                                          "The model broke" if word == "fail" else
                                          "Something went wrong"}}
        return
    for piece in [] if word == "empty" else PIECES:
        yield {"type": "content_block_delta", "index": 0,
               "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": anthropic_answer(word).get(
        "stop_reason"), "stop_sequence": None}, "usage": {"output_tokens": 9}}
    yield {"type": "message_stop"}


class MockApi:
    """The server in a thread; use as a context manager."""

    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.requests = []
        self.server.go = threading.Event()  # for the rest of a patient answer
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    @property
    def requests(self):
        """(path, headers, body) of each request."""
        return self.server.requests

    def options(self, backend):
        """Arguments that point the bridge here."""
        url = self.url + ("/v1" if backend == "openai" else "")
        return ["--backend", backend, f"--{backend}-base-url", url, f"--{backend}-timeout",
                str(TIMEOUT)]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
