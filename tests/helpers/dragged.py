"""Files of this disk held above a page and dropped, as a file manager of the desktop does it."""


class Drag:
    """Files that come in above the page at a place; `drop` lets go of them."""

    def __init__(self, page, *paths, at=(600, 300)):
        self.cdp, self.at = page.context.new_cdp_session(page), at
        self.data = {"items": [], "files": [*map(str, paths)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver"):
            self.send(kind)

    def send(self, kind):
        """What the browser is told of them."""
        x, y = self.at
        self.cdp.send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y,
                                                  "data": self.data})

    def drop(self):
        """The hand opens."""
        self.send("drop")
