"""Pages of the stand-in site. Each says in plain sight that it is a stand-in; none tries to look like the live site."""

from __future__ import annotations

from html import escape

from earmark.sandbox.rows import human_size, site_time
from earmark.sandbox.search import Listed
from earmark.sandbox.vocabulary import LANGUAGES

NOTICE = "Stand-in site of the Earmark sandbox. This is not MyAnonamouse; everything on it is invented."

_STYLE = """
:root{color-scheme:light dark;--ink:#1d2430;--paper:#f7f5f0;--line:#d9d3c5;--quiet:#5f6673;--mark:#8a3b12}
@media(prefers-color-scheme:dark){:root{--ink:#e8e4da;--paper:#15181d;--line:#343a44;--quiet:#a0a7b4;--mark:#f0a56b}}
*{box-sizing:border-box}body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
.notice{padding:.6rem 1rem;border-bottom:2px solid var(--mark);color:var(--mark);font-weight:600}
main{max-width:64rem;margin:0 auto;padding:1.5rem 1rem}h1{font-size:1.5rem;margin:0 0 1rem}
ul.shelf{list-style:none;padding:0;margin:0}ul.shelf li{display:flex;gap:1rem;padding:.8rem 0;border-bottom:1px solid var(--line)}
img{width:4.5rem;height:4.5rem;object-fit:cover;border-radius:4px;background:var(--line);flex:none}
h2{font-size:1.05rem;margin:0}.quiet{color:var(--quiet);font-size:.9rem;overflow-wrap:anywhere}a{color:inherit}
.tag{border:1px solid var(--mark);color:var(--mark);border-radius:3px;padding:0 .35em;font-size:.8rem;margin-left:.4em}
code{font-size:.9em}dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem}dt{color:var(--quiet)}dd{margin:0}
"""


def page(title: str, body: str) -> str:
    """A whole page; `body` is HTML."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f'<div class="notice" role="note">{NOTICE}</div><main><h1>{escape(title)}</h1>{body}</main></body></html>'
    )


def login() -> str:
    """What a page-like address shows to somebody who is not signed in."""
    return page("Login | My Anonamouse", "<p>Not logged in!</p><p>The stand-in site knows no passwords.</p>")


def message(title: str, text: str) -> str:
    """A page with one sentence."""
    return page(title, f"<p>{escape(text)}</p>")


def home(listing: list[Listed], left_out: tuple[str, ...]) -> str:
    """The catalogue, for people."""
    if not listing:
        shelf = "<p>The catalogue is empty: put one folder per release into it and start the sandbox again.</p>"
    else:
        shelf = f'<ul class="shelf">{"".join(_shelf_item(listed) for listed in listing)}</ul>'
    skipped = "".join(f"<li>{escape(reason)}</li>" for reason in left_out)
    return page(
        "Catalogue of the stand-in site",
        f'<p class="quiet">{len(listing)} releases. Requests, faults and the clock: <code>/sandbox/requests</code>, '
        f"<code>/sandbox/faults</code>, <code>/sandbox/clock</code>.</p>{shelf}"
        + (f"<h2>Left out</h2><ul>{skipped}</ul>" if skipped else ""),
    )


def details(listed: Listed) -> str:
    """One release, for people."""
    release = listed.release
    facts = {
        "Author": ", ".join(release.authors) or "unknown",
        "Narrator": ", ".join(release.narrators) or "unknown",
        "Series": ", ".join(f"{name} {index}".strip() for name, index in release.series) or "none",
        "Category": release.category_name,
        "Language": LANGUAGES.get(release.language, "unknown"),
        "Size": f"{human_size(release.size)} in {len(release.files)} files",
        "Added": f"{site_time(release.added)} UTC",
        "Info-hash": listed.info_hash,
    }
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    files = "".join(
        f"<li>{escape(file.path)} <span class=quiet>{human_size(file.size)}</span></li>" for file in release.files
    )
    return page(release.title, f"<dl>{rows}</dl><h2>Files</h2><ul>{files}</ul><p><a href='/'>Catalogue</a></p>")


def _shelf_item(listed: Listed) -> str:
    release = listed.release
    marks = [("freeleech", release.free), ("VIP", release.vip), ("abridged", bool(release.browse_flags & 32))]
    tags = "".join(f'<span class="tag">{word}</span>' for word, on in marks if on)
    people = " · read by ".join(filter(None, (", ".join(release.authors), ", ".join(release.narrators))))
    facts = [
        release.category_name,
        LANGUAGES.get(release.language, ""),
        " ".join(release.filetypes),
        human_size(release.size),
    ]
    return (
        f'<li><img src="/sandbox/posters/{release.id}" alt="" loading="lazy"><div>'
        f'<h2><a href="/t/{release.id}">{escape(release.title)}</a>{tags}</h2><div>{escape(people)}</div>'
        f'<div class="quiet">{escape(" · ".join(filter(None, facts)))} · {listed.seeders} seeding · id {release.id}</div>'
        "</div></li>"
    )
