"""Two pairs of hands that answer questions in a browser: one has a mouse, the other only keys.

Each answers a question of a kind: `hand.answer(place, kind, ...)`, in the widget that `root` finds.
"""


class Mouse:
    """By mouse alone."""

    def __init__(self, tab, root):
        self.tab, self.root = tab, root

    def choose(self, letter, ask):
        """Tick a choice."""
        ask.locator("label.choice").nth("abcdefgh".index(letter)).click()

    def number(self, digits, ask):
        """On the keypad; what is there is taken away first."""
        pad = ask.locator(".pad")
        if not pad.is_visible():
            self.press("Keypad", ask)
        for _ in ask.locator("input[type=text]").input_value():
            pad.get_by_role("button", name="Delete").click()
        for digit in str(digits).replace(",", ""):
            pad.get_by_text(digit, exact=True).click()

    def turn(self, place, index, ask):
        """Take a slider's thumb to a value, tick a box or not."""
        knob = ask.locator(".knob").nth(place).locator("input, select")
        if knob.get_attribute("type") == "checkbox":
            if knob.is_checked() != bool(index):
                knob.click()
            return
        knob.scroll_into_view_if_needed()
        box, most = knob.bounding_box(), int(knob.get_attribute("max"))
        thumb = 16

        def at(value):
            return box["x"] + thumb / 2 + value / most * (box["width"] - thumb)
        y = box["y"] + box["height"] / 2
        self.tab.mouse.move(at(int(knob.input_value())), y)
        self.tab.mouse.down()
        x = at(index)
        self.tab.mouse.move(x, y, steps=5)
        while (now := int(knob.input_value())) != index and abs(x - at(index)) < box["width"]:
            x += 0.5 if now < index else -0.5       # as one aims: a little further, or back
            self.tab.mouse.move(x, y)
        self.tab.mouse.up()

    def draw(self, heights, ask):
        """A stroke through (share of the width, share of the height) of the paper."""
        board = ask.locator(".board")
        board.scroll_into_view_if_needed()
        box = board.bounding_box()
        spots = [(box["x"] + box["width"] * (64 + x * 562) / 640,
                  box["y"] + box["height"] * (258 - y * 244) / 300) for x, y in heights]
        self.tab.mouse.move(*spots[0])
        self.tab.mouse.down()
        for spot in spots[1:]:
            self.tab.mouse.move(*spot, steps=6)
        self.tab.mouse.up()

    def press(self, words, ask):
        """Push a button."""
        ask.get_by_role("button", name=words).click()


class Keys:
    """By keyboard alone: Tab and Shift+Tab to get there, then what the control understands."""

    def __init__(self, tab, root):
        self.tab, self.root = tab, root

    def _go(self, target):
        """Tab to a control, from wherever the focus is."""
        handle = target.element_handle()
        for _ in range(80):
            if handle.evaluate("node => node.getRootNode().activeElement === node"):
                return
            self.tab.keyboard.press("Tab")
        raise AssertionError("no way to it by Tab")

    def begin(self, ask):
        """Where somebody is who has read the question: before its first control."""
        ask.evaluate("""node => {
            const first = node.querySelector('input, select, .board, button');
            first.focus(); }""")

    def choose(self, letter, ask):
        """Arrows among the choices; the first is ticked by Space."""
        radios = ask.locator("input[type=radio]")
        self.begin(ask)
        self.tab.keyboard.press("Space")
        for _ in range(8):
            if radios.nth("abcdefgh".index(letter)).is_checked():
                return
            self.tab.keyboard.press("ArrowDown")
        raise AssertionError("the arrows don't get to it")

    def number(self, digits, ask):
        """Typed over what is there."""
        self.begin(ask)
        self.tab.keyboard.press("Control+a")
        self.tab.keyboard.type(str(digits))

    def turn(self, place, index, ask):
        """Home, then arrows; Space for a box."""
        knob = ask.locator(".knob").nth(place).locator("input, select")
        self.begin(ask)
        self._go(knob)
        if knob.get_attribute("type") == "checkbox":
            if knob.is_checked() != bool(index):
                self.tab.keyboard.press("Space")
            return
        self.tab.keyboard.press("Home")
        for _ in range(index):
            self.tab.keyboard.press("ArrowRight")

    def draw(self, heights, ask):
        """To a place by left and right, to a height by up and down (40 steps each)."""
        self._go_board(ask)
        steps = 40
        self.tab.keyboard.press("Home")
        here = 0
        for x, y in heights:
            while here < round(x * steps):
                self.tab.keyboard.press("ArrowRight")
                here += 1
            for _ in range(steps // 5 + 1):
                self.tab.keyboard.press("PageDown")
            for _ in range(max(1, round(y * steps))):
                self.tab.keyboard.press("ArrowUp")
            if not round(y * steps):
                self.tab.keyboard.press("ArrowDown")

    def _go_board(self, ask):
        self.begin(ask)
        self._go(ask.locator(".board"))

    def press(self, words, ask):
        """Tab to a button, Enter."""
        self._go(ask.get_by_role("button", name=words))
        self.tab.keyboard.press("Enter")


HANDS = {"mouse": Mouse, "keys": Keys}
