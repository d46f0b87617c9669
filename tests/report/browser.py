"""A headless Chromium on a page: what it looks like, what it logs and fetches, and a real mouse."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from choreographer import Browser

PATIENCE = 30.0


@dataclass
class Page:
    """An open page. `complaints` are console messages and exceptions, `requests` the addresses asked for."""

    tab: Any
    complaints: list[str] = field(default_factory=list[str])
    requests: list[str] = field(default_factory=list[str])

    async def send(self, command: str, **parameters: Any) -> dict[str, Any]:
        """A command of the DevTools protocol; its result."""
        answer = await asyncio.wait_for(self.tab.send_command(command, parameters), PATIENCE)
        assert "error" not in answer, answer
        return answer["result"]

    async def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        found = await self.send("Runtime.evaluate", expression=f"JSON.stringify({expression})", awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return json.loads(found["result"].get("value", "null"))

    async def until(self, expression: str) -> None:
        """Wait until the expression is true; fails after half a minute."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while not await self.ask(f"Boolean({expression})"):
            assert asyncio.get_running_loop().time() < deadline, f"never true: {expression}; {self.complaints}"
            await asyncio.sleep(0.05)

    async def look(self, *, width: int, scheme: str) -> None:
        """Set the width of the window and the preferred colours."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.send("Emulation.setEmulatedMedia", features=features)
        await self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )

    async def open(self, path: Path) -> None:
        """Load the page and wait until its figures are drawn."""
        await self.send("Page.navigate", url=path.as_uri())
        await self.until("document.readyState === 'complete' && (!window.Plotly || document.body.dataset.drawn)")

    async def mouse(self, kind: str, x: float, y: float) -> None:
        """A mouse event: mouseMoved, mousePressed or mouseReleased."""
        pressed: dict[str, Any] = {} if kind == "mouseMoved" else {"button": "left", "clickCount": 1}
        await self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **pressed)


@asynccontextmanager
async def chromium() -> AsyncGenerator[Page]:
    """A browser with one empty page; fails where there is no Chromium."""
    async with Browser(headless=True) as browser:
        tab: Any = await browser.create_tab("about:blank")
        page = Page(tab)

        async def complain(event: dict[str, Any]) -> None:
            page.complaints.append(json.dumps(event["params"]))

        async def request(event: dict[str, Any]) -> None:
            url = event["params"]["request"]["url"]
            if not url.startswith("data:"):
                page.requests.append(url)

        for name in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"):
            tab.subscribe(name, complain)
        tab.subscribe("Network.requestWillBeSent", request)
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.send(f"{domain}.enable")
        yield page
