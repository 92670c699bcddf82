"""What the workbench refuses, and the one sentence that it says."""

from __future__ import annotations

from likeness.errors import LikenessError


class Problem(LikenessError):
    """A request that is answered with a status and a plain sentence.

    Attributes:
        status: HTTP status, 4xx or 5xx.
        sentence: for the person; never holds a path of the server, a trace or anything that a file brought along.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


PLAIN = {
    400: "The request could not be understood.",
    401: "This workbench is private. Open the address that likeness serve printed in its terminal.",
    403: "The request did not come from this workbench's own pages.",
    404: "There is nothing at this address.",
    405: "This address does not take that kind of request.",
    408: "The upload stopped in the middle. Try again.",
    409: "That is not possible in the present state.",
    411: "The request does not say how long it is.",
    413: "That is more than this workbench takes at once.",
    415: "This kind of file or form is not understood here.",
    422: "A field of the request is missing or has an impossible value.",
    429: "Too much at once. Try again in a moment.",
    500: "Something went wrong inside the workbench. Its terminal says more.",
    503: "The workbench is busy. Try again in a moment.",
}


def sentence_of(status: int) -> str:
    """The plain sentence for a status that comes without one of its own."""
    return PLAIN.get(status, PLAIN[400] if status < 500 else PLAIN[500])
