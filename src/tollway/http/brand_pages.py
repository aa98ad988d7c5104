"""What anyone may see of the brand that a host is: its name, its drawing, how its headers begin. Knows no key and no store."""

import msgspec

from tollway.http.replies import BrandHeads
from tollway.http.routes import Call, Gate, Page, Route

SVG = "image/svg+xml"


def brand_routes(heads: BrandHeads) -> dict[str, Route]:
    """Return the routes that tell of the brand that a request's host is."""

    async def show_brand(call: Call) -> Page:
        brand = heads.at(call.headers).brand
        shown = {
            "name": brand.name,
            "preset": brand.preset,
            "logo": "/brand/logo.svg",
            "header_prefix": brand.header_prefix,
            "currency": brand.currency,
        }
        return Page(200, msgspec.json.encode(shown))

    async def show_logo(call: Call) -> Page:
        return Page(200, heads.at(call.headers).brand.logo.encode(), SVG)

    return {
        "/brand": Route(method=b"GET", gate=Gate.OPEN, page=show_brand),
        "/brand/logo.svg": Route(method=b"GET", gate=Gate.OPEN, page=show_logo),
    }
