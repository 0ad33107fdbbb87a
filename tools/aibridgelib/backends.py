# SPDX-License-Identifier: MIT
"""What answers the questions. A backend's answer(prompt, cancelled) yields pieces of text as they
come and raises BackendError with a line for the user. cancelled is a threading.Event."""

import codecs
import http.client
import json
import os
import selectors
import signal
import subprocess
import time
import urllib.error
import urllib.request


class BackendError(Exception):
    pass


class Cut(Exception):
    """The answer is complete but was cut at the backend's own limit."""


def one_line(text):
    return " ".join(text.split())


class Echo:
    name = "echo"

    def answer(self, prompt, cancelled):
        yield "AI echo: " + prompt


class Command:
    """Runs a shell command: the prompt on its standard input, the answer on its output."""

    name = "command"

    def __init__(self, command, timeout):
        self.command = command
        self.timeout = timeout

    def answer(self, prompt, cancelled):
        if not self.command:
            raise BackendError("command backend requires --command")
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise BackendError(f"command failed: {error}") from None
        try:
            errors = bytearray()
            yield from self._run(process, prompt.encode(), errors, cancelled)
            if process.returncode and not cancelled.is_set():
                text = one_line(errors.decode(errors="replace"))
                raise BackendError(f"command exited {process.returncode}: {text}".rstrip(": "))
        finally:
            self._end(process)

    def _run(self, process, prompt, errors, cancelled):
        end = time.monotonic() + self.timeout
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stderr, selectors.EVENT_READ)
            selector.register(process.stdin, selectors.EVENT_WRITE)
            for pipe in (process.stdin, process.stdout, process.stderr):
                os.set_blocking(pipe.fileno(), False)
            while selector.get_map() and not cancelled.is_set():
                if time.monotonic() >= end:
                    raise BackendError(f"command timed out after {self.timeout}s")
                for key, _ in selector.select(min(0.2, max(0.0, end - time.monotonic()))):
                    if key.fileobj is process.stdin:
                        prompt = self._feed(selector, process.stdin, prompt)
                        continue
                    data = os.read(key.fd, 4096)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is process.stderr:
                        errors += data[: max(0, 1000 - len(errors))]
                    else:
                        yield decoder.decode(data)
        yield decoder.decode(b"", True)
        while process.poll() is None and not cancelled.is_set():
            if time.monotonic() >= end:
                raise BackendError(f"command timed out after {self.timeout}s")
            time.sleep(0.02)

    @staticmethod
    def _feed(selector, stdin, prompt):
        try:
            prompt = prompt[os.write(stdin.fileno(), prompt) :] if prompt else b""
        except BlockingIOError:
            return prompt
        except BrokenPipeError:
            prompt = b""
        if not prompt:
            selector.unregister(stdin)
            stdin.close()
        return prompt

    @staticmethod
    def _end(process):
        if process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


class Http:
    """What the two HTTP backends share: one POST, an answer in JSON or as server-sent events."""

    label = ""

    def __init__(self, base_url, key_env, model, timeout, max_tokens, stream=True):
        self.base_url = base_url.rstrip("/")
        self.key_env = key_env
        self.model = model
        self.timeout = timeout
        self.max_tokens = max_tokens
        self.stream = stream

    def answer(self, prompt, cancelled):
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise BackendError(f"missing ${self.key_env}")
        body = self.body(prompt)
        if self.stream:
            body["stream"] = True
        request = urllib.request.Request(
            self.url(),
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self.headers(key)},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as response:
                if response.headers.get_content_type() == "text/event-stream":
                    yield from self.events(self.server_sent(response, cancelled))
                else:
                    yield from self.whole(json.loads(response.read()))
        except urllib.error.HTTPError as error:
            raise BackendError(f"{self.label} HTTP {error.code}: {self.error_text(error)}") from None
        except TimeoutError:
            raise BackendError(f"{self.label} timed out after {self.timeout}s") from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, TimeoutError):
                raise BackendError(f"{self.label} timed out after {self.timeout}s") from None
            raise BackendError(f"{self.label} connection failed: {error.reason}") from None
        except (http.client.HTTPException, OSError):
            raise BackendError(f"{self.label} connection broke in mid-answer") from None
        except ValueError:  # JSON, UTF-8
            raise BackendError(f"{self.label} sent an answer that is not valid JSON") from None
        except (KeyError, TypeError, AttributeError, IndexError):
            raise BackendError(f"{self.label} sent an answer of unknown form") from None

    @staticmethod
    def error_text(error):
        try:
            body = error.read(65536)
        except (OSError, http.client.HTTPException):
            return error.reason
        try:
            return one_line(json.loads(body)["error"]["message"])[:200]
        except (ValueError, KeyError, TypeError, AttributeError):
            return one_line(body.decode(errors="replace"))[:200] or error.reason

    @staticmethod
    def server_sent(response, cancelled):
        """The data of each event, as JSON (HTML Living Standard, section 9.2)."""
        data = []
        for line in response:
            if cancelled.is_set():
                return
            line = line.decode().rstrip("\r\n")
            if line.startswith("data:"):
                data.append(line[5:].removeprefix(" "))
            elif not line and data:
                text, data = "\n".join(data), []
                if text != "[DONE]":
                    yield json.loads(text)

    def broke(self):
        return BackendError(f"{self.label} connection broke in mid-answer")

    def failed(self, error):
        message = (error or {}).get("message") or "unknown error"
        return BackendError(f"{self.label}: {one_line(message)[:200]}")


class OpenAI(Http):
    """The Responses API: POST {base}/responses."""

    name = "openai"
    label = "OpenAI"

    def url(self):
        return self.base_url + "/responses"

    def headers(self, key):
        return {"Authorization": f"Bearer {key}"}

    def body(self, prompt):
        return {"model": self.model, "input": prompt, "max_output_tokens": self.max_tokens}

    def events(self, events):
        for event in events:
            kind = event["type"]
            if kind in ("response.output_text.delta", "response.refusal.delta"):
                yield event["delta"]
            elif kind == "response.completed":
                return
            elif kind == "response.incomplete":
                self._incomplete(event["response"])
            elif kind == "response.failed":
                raise self.failed(event["response"].get("error"))
            elif kind == "error":
                raise self.failed(event.get("error") or event)
        raise self.broke()

    def whole(self, answer):
        if answer.get("status") == "failed" or answer.get("error"):
            raise self.failed(answer.get("error"))
        for item in answer["output"]:
            for part in item.get("content") or []:
                if part.get("type") in ("output_text", "refusal"):
                    yield part.get("text") or part.get("refusal") or ""
        if answer.get("status") == "incomplete":
            self._incomplete(answer)

    def _incomplete(self, response):
        reason = (response.get("incomplete_details") or {}).get("reason")
        if reason == "max_output_tokens":
            raise Cut
        raise BackendError(f"OpenAI: the answer is incomplete: {reason}")


class Anthropic(Http):
    """The Messages API: POST {base}/v1/messages."""

    name = "anthropic"
    label = "Anthropic"

    def url(self):
        return self.base_url.removesuffix("/v1") + "/v1/messages"

    def headers(self, key):
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    def body(self, prompt):
        return {
            "model": self.model,
            "max_tokens": self.max_tokens,
            "messages": [{"role": "user", "content": prompt}],
        }

    def events(self, events):
        reason = None
        for event in events:
            kind = event["type"]
            if kind == "content_block_delta":
                if event["delta"].get("type") == "text_delta":
                    yield event["delta"]["text"]
            elif kind == "message_delta":
                reason = event["delta"].get("stop_reason") or reason
            elif kind == "message_stop":
                self._stop(reason)
                return
            elif kind == "error":
                raise self.failed(event.get("error"))
        raise self.broke()

    def whole(self, answer):
        if answer.get("type") == "error":
            raise self.failed(answer.get("error"))
        for part in answer["content"]:
            if part.get("type") == "text":
                yield part["text"]
        self._stop(answer.get("stop_reason"))

    @staticmethod
    def _stop(reason):
        if reason == "max_tokens":
            raise Cut
        if reason == "refusal":
            raise BackendError("Anthropic: the model declined to answer")
