"""A cache that throws out what was not asked for the longest: least recently used (LRU).

Picture a desk with room for a few files. Whatever is asked for goes on top of the pile; when there
is no room for one more, the lowest file goes back to the archive. A file may have a date on it
after which nobody uses it, however often it is asked for (TTL).

*Models:* exact LRU with sizes; an expiry time per item that a hit does not move; removal by key.
*Leaves out:* sampling instead of exact order (Redis), other policies (LFU), overhead per item.
"""

from collections import OrderedDict

from labsim.errors import ParameterError, require


class LruCache:
    """Items whose sizes add up to at most `capacity` (in whatever unit the sizes have)."""

    def __init__(self, capacity: float):
        require("capacity", capacity, endless=True)
        self.capacity, self.used, self.evictions = capacity, 0.0, 0
        self._items: OrderedDict = OrderedDict()    # key: (value, size, expires)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key) -> bool:
        return key in self._items

    def get(self, key, now: float):
        """The value of `key` at `now` (s), which is then the most recently used; None if there is
        none or it has expired (from the moment of its expiry on)."""
        item = self._items.get(key)
        if item is None:
            return None
        if item[2] <= now:
            self.drop(key)
            return None
        self._items.move_to_end(key)
        return item[0]

    def peek(self, key):
        """The value of `key`, expired or not, without using it; None if there is none."""
        item = self._items.get(key)
        return None if item is None else item[0]

    def put(self, key, value, *, size: float = 1.0, expires: float = float("inf")) -> None:
        """Keep `value` (not None) under `key` until `expires` (s), as the most recently used.
        The least recently used go until there is room; what is larger than all is not kept."""
        if not size >= 0:
            raise ParameterError("size", size, "at least 0")
        self.drop(key)
        if size > self.capacity:
            return
        self._items[key] = (value, size, expires)
        self.used += size
        while self.used > self.capacity:
            _, (_, gone, _) = self._items.popitem(last=False)
            self.used -= gone
            self.evictions += 1

    def drop(self, key) -> None:
        """Forget `key`, if it is there."""
        item = self._items.pop(key, None)
        if item is not None:
            self.used -= item[1]

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
        self.used = 0.0
