"""A language model that has learned its lines: OpenAI's chat completions with streaming and tools, from the public reference.

    python3 demos/voice/llm.py [--listen 127.0.0.1:2800] [--key KEY] [--summary FILE]

Whoever asks it anything that the protocol does not allow gets a 400 and is counted. What it answers is decided by the callee's last words
alone; it speaks a few letters at a time, as models do.
"""

import argparse
import http.server
import json
import pathlib
import re
import signal
import sys
import threading
import time

MODEL = "lines-1"
# Until the first letters, and between two pieces of letters.
THINKS_S, PIECE_S = 0.15, 0.01
PIECE = 7
BODY_BYTES_MAX = 1 << 20

AGAIN = (
    "Your boiler check is on Tuesday at ten. It takes half an hour. Our technician looks at the burner, the valves and the pump, and leaves "
    "you a report. Does Tuesday suit you?"
)
# What was said, the field that it sets, what is answered, and the tool that is used with it.
LINES = [
    (r"call me again|calling me|off your list", None, "I am sorry. We will not call you again.", ("opt_out", {})),
    (r"call me (back|later)|busy", None, "Of course. We will call you another time.", ("call_back", {"when": "later"})),
    (r"wrong number", "wrong", "I am sorry to have bothered you. Good-bye.", ("hang_up", {"disposition": "wrong person"})),
    (r"^no\b|not interested", "no", "All right, I have cancelled it. Good-bye.", ("hang_up", {"disposition": "declined"})),
    (r"^yes|sure|of course|sounds good", "yes", "Very good. We will see you on Tuesday at ten. Good-bye.", ("hang_up", {"disposition": "confirmed"})),
    (r"say that again|did you say", None, AGAIN, None),
]
UNKNOWN = "Sorry, I did not understand. Does Tuesday at ten suit you, yes or no?"


class Refused(ValueError):
    """What the protocol does not allow, and where."""


# --- What may be asked.


def need(condition, problem):
    if not condition:
        raise Refused(problem)


def check(body):
    """A request as the reference has it; nothing that a stricter server would refuse."""
    need(isinstance(body, dict), "the body is an object")
    unknown = body.keys() - {"model", "messages", "stream", "stream_options", "tools", "parallel_tool_calls"}
    need(not unknown, f"unknown fields: {sorted(unknown)}")
    need(body.get("model") == MODEL, f"there is no model {body.get('model')!r}")
    need(body.get("stream") is True, "stream: true")
    need(body.get("stream_options", {}).keys() <= {"include_usage"}, "stream_options has include_usage only")
    names = [check_tool(tool) for tool in body.get("tools", [])]
    need(len(names) == len(set(names)), "two tools of one name")
    need("parallel_tool_calls" not in body or names and isinstance(body["parallel_tool_calls"], bool), "parallel_tool_calls goes with tools, and is a boolean")
    check_messages(body.get("messages"), names)
    return names


def check_tool(tool):
    need(tool.keys() == {"type", "function"} and tool["type"] == "function", "a tool is a function")
    function = tool["function"]
    need(function.keys() == {"name", "description", "parameters"}, "a function has name, description and parameters")
    need(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", function["name"]), "a function's name is of 1 to 64 letters, digits, _ and -")
    schema = function["parameters"]
    need(schema.get("type") == "object" and isinstance(schema.get("properties"), dict), "parameters are a JSON Schema of an object")
    need(set(schema.get("required", [])) <= schema["properties"].keys(), "what is required is a property")
    return function["name"]


def check_messages(messages, tools):
    need(isinstance(messages, list) and messages, "messages are a list")
    need(messages[0].get("role") == "system", "the first message is the system's")
    awaited = []
    for message in messages:
        role = message.get("role")
        need(role in ("system", "user", "assistant", "tool"), f"there is no role {role!r}")
        need(role == "tool" or not awaited, "every tool call is answered before anything else is said")
        if role == "tool":
            need(message.get("tool_call_id") in awaited, "a tool's message answers a call")
            awaited.remove(message["tool_call_id"])
        for call in message.get("tool_calls", []):
            need(role == "assistant" and call.keys() == {"id", "type", "function"} and call["type"] == "function", "a tool call")
            need(call["function"]["name"] in tools, "a tool that was offered")
            need(isinstance(json.loads(call["function"]["arguments"]), dict), "arguments are an object, as text")
            awaited.append(call["id"])
        need(isinstance(message.get("content"), str) or "tool_calls" in message, "content is text")
    need(not awaited, "every tool call is answered")
    need(messages[-1]["role"] in ("user", "tool"), "the last message is the callee's or a tool's")


# --- What is answered.


def answer(messages, tools):
    """Text and tool call, either of which may be None."""
    said = next(message["content"] for message in reversed(messages) if message["role"] == "user").lower()
    field, text, tool = next((rest for pattern, *rest in LINES if re.search(pattern, said)), (None, UNKNOWN, None))
    if messages[-1]["role"] == "user" and field and "set_field" in tools:
        return None, ("set_field", {"name": "suits", "value": field})
    return text, tool if tool and tool[0] in tools else None


def pieces(text, tool, number):
    """The deltas of an answer."""
    yield {"role": "assistant", "content": "" if text else None}
    for at in range(0, len(text or ""), PIECE):
        yield {"content": text[at : at + PIECE]}
    if tool:
        name, arguments = tool
        arguments = json.dumps(arguments)
        yield {"tool_calls": [{"index": 0, "id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": ""}}]}
        for at in range(0, len(arguments), PIECE):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": arguments[at : at + PIECE]}}]}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Pieces leave as they are written.
    disable_nagle_algorithm = True

    def do_POST(self):
        server = self.server
        try:
            need(self.path == "/v1/chat/completions", f"there is nothing at {self.path}")
            need(self.headers["content-type"] == "application/json", "content-type: application/json")
            size = int(self.headers["content-length"] or -1)
            need(0 <= size <= BODY_BYTES_MAX, "a body whose length is told")
            body = self.rfile.read(size)
            need(self.headers["authorization"] == f"Bearer {server.key}", "the key is wrong")
            body = json.loads(body)
            tools = check(body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            server.count(refused=str(error) or repr(error))
            return self.refuse(str(error))
        messages = body["messages"]
        number = server.count(cut=messages[-1]["role"] == "user" and any(is_cut(message) for message in messages[-2:]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        text, tool = answer(messages, tools)
        head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": int(time.time()), "model": MODEL}
        choice = lambda delta, reason=None: head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        time.sleep(THINKS_S)
        for delta in pieces(text, tool, number):
            self.event(choice(delta))
            time.sleep(PIECE_S)
        self.event(choice({}, "tool_calls" if tool else "stop"))
        if body.get("stream_options", {}).get("include_usage"):
            counted = [len(json.dumps(messages)) // 4, len(text or "") // 4 + 10]
            usage = dict(zip(("prompt_tokens", "completion_tokens", "total_tokens"), (*counted, sum(counted))))
            self.event(head | {"choices": [], "usage": usage})
        self.chunk(b"data: [DONE]\n\n")
        self.chunk(b"")

    def event(self, value):
        self.chunk(b"data: " + json.dumps(value).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def refuse(self, problem):
        body = json.dumps({"error": {"message": problem, "type": "invalid_request_error", "param": None, "code": None}}).encode()
        self.send_response(400)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """What callees say belongs into no log."""


def is_cut(message):
    """Whether an answer was interrupted: the history has what was heard of it."""
    return message["role"] == "assistant" and (message.get("content") or "").endswith("—")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address, key):
        super().__init__(address, Handler)
        self.key, self.lock = key, threading.Lock()
        self.told = {"answers": 0, "after_interruptions": 0, "refused": []}

    def count(self, refused=None, cut=False):
        """The number of the answer."""
        with self.lock:
            if refused:
                self.told["refused"].append(refused)
            else:
                self.told["answers"] += 1
                self.told["after_interruptions"] += cut
            return self.told["answers"]

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default="127.0.0.1:2800", help="HOST:PORT; port 0 takes a free one")
    parser.add_argument("--key", default="sk-demo", help="the key that has to be shown")
    parser.add_argument("--summary", type=pathlib.Path, metavar="FILE", help="written at the end: answers, refusals with their reasons")
    arguments = parser.parse_args()
    host, port = arguments.listen.rsplit(":", 1)
    server = Server((host, int(port)), arguments.key)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"llm: listening at {host}:{server.server_address[1]}", flush=True)
    server.serve_forever()
    if arguments.summary:
        arguments.summary.write_text(json.dumps(server.told, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, OSError) as error:
        sys.exit(f"llm: {error or 'stopped'}")
