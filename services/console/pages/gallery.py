"""
The gallery: every mail of a campaign as on a desktop, on a phone, in dark mode, and as plain text.

It shows mails for a sample reader or for one person.
"""

from __future__ import annotations

from aiohttp import web

from common.campaigns.gallery import READERS
from common.ledger.console_jobs import new_job_id
from services.console.campaigns.gallery import read_gallery
from services.console.context import CONTEXT
from services.console.mails.frames import framed_mail, with_frames
from services.console.replies import page


async def show(request: web.Request) -> web.Response:
    gallery = await read_gallery(request.app[CONTEXT], request.match_info["name"], request.query)
    response = page(
        request,
        "gallery.html",
        gallery=gallery,
        campaign=gallery.campaign,
        person=gallery.person,
        readers=READERS,
        new_job_id=new_job_id,
        here="/campaigns",
    )
    return with_frames(response)


async def show_body(request: web.Request) -> web.Response:
    """Return only the HTML part of one mail, for a frame."""
    gallery = await read_gallery(request.app[CONTEXT], request.match_info["name"], request.query)
    found = next((shown.mail for shown in gallery.mails if shown.mail is not None), None)
    return framed_mail(found.html if found else "", is_dark=request.query.get("dark") == "yes")
