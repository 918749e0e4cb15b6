"""Build the built-in catalogue of the stand-in site from scripts/sandbox_library.toml.

It needs espeak-ng and ffmpeg (with libmp3lame) on the PATH and DejaVu fonts; the result is committed, so nobody has to
run this to use Earmark. Run it again after changing the texts:  python scripts/make_sandbox_library.py
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from sandbox_ebooks import Text, epub, mobi, pdf

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent / "src" / "earmark" / "sandbox" / "library"
FONTS = Path("/usr/share/fonts/truetype/dejavu")
WORDS_PER_MINUTE = "150"
SIDE = 600
LIMIT_BYTES = 3 * 1024 * 1024

Release = dict[str, Any]


def main() -> None:
    """Build every release and check that the whole stays small."""
    releases: list[Release] = tomllib.loads((HERE / "sandbox_library.toml").read_text(encoding="utf-8"))["release"]
    shutil.rmtree(LIBRARY, ignore_errors=True)
    for release in releases:
        folder = LIBRARY / release["folder"]
        folder.mkdir(parents=True)
        build(release, folder)
        notes = json.dumps(release["notes"], ensure_ascii=False, indent=2)
        (folder / "release.json").write_text(notes + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in LIBRARY.rglob("*") if path.is_file())
    print(f"{len(releases)} releases, {size / 1024:.0f} KiB in {LIBRARY}")
    if size > LIMIT_BYTES:
        raise SystemExit(f"The library must stay below {LIMIT_BYTES} bytes.")


def build(release: Release, folder: Path) -> None:
    """One release: its cover and its files."""
    cover = folder / "cover.jpg"
    draw_cover(release, cover)
    if "ebooks" in release:
        for name in release["ebooks"]:
            write_ebook(release, folder / name, cover)
        cover.rename(folder / "poster.jpg")  # the site's picture; the torrent leaves it out
        return
    with tempfile.TemporaryDirectory() as place:
        spoken = [speak(release, n, Path(place)) for n in range(len(release["chapter"]))]
        if "book" in release:
            bind(release, spoken, cover, folder / release["book"], Path(place))
            cover.rename(folder / "poster.jpg")  # the site's picture; the torrent leaves it out
            return
        for n, (chapter, wave) in enumerate(zip(release["chapter"], spoken, strict=True), 1):
            encode(release, n, wave, folder / release["file"].format(n=n, title=chapter["title"]))


def speak(release: Release, n: int, place: Path) -> Path:
    """One chapter as speech, 22.05 kHz mono."""
    chapter = release["chapter"][n]
    wave = place / f"{n}.wav"
    run(
        "espeak-ng",
        "-v",
        release["voice"],
        "-s",
        WORDS_PER_MINUTE,
        "-w",
        str(wave),
        f"{chapter['title']}.\n\n{chapter['text']}",
    )
    return wave


def encode(release: Release, n: int, wave: Path, target: Path) -> None:
    """One MP3 with the tags that a careful ripper would write."""
    notes = release["notes"]
    tags = {
        "title": release["chapter"][n - 1]["title"],
        "album": notes["title"],
        "artist": ", ".join(notes["authors"]),
        "album_artist": ", ".join(notes["authors"]),
        "composer": ", ".join(notes["narrators"]),
        "track": f"{n}/{len(release['chapter'])}",
        "date": str(release["year"]),
        "genre": "Audiobook",
    }
    written = [part for name, value in tags.items() for part in ("-metadata", f"{name}={value}")]
    codec = ["-c:a", "libmp3lame", "-b:a", "32k", "-ar", "22050", "-ac", "1", "-id3v2_version", "3"]
    ffmpeg("-i", str(wave), *written, *codec, "-fflags", "+bitexact", "-flags:a", "+bitexact", str(target))


def bind(release: Release, spoken: list[Path], cover: Path, target: Path, place: Path) -> None:
    """All chapters as one M4B with chapter marks and the cover inside."""
    notes = release["notes"]
    lines = [
        ";FFMETADATA1",
        f"title={notes['title']}",
        f"album={notes['title']}",
        f"artist={', '.join(notes['authors'])}",
        f"album_artist={', '.join(notes['authors'])}",
        f"composer={', '.join(notes['narrators'])}",
        f"date={release['year']}",
        "genre=Audiobook",
    ]
    start = 0
    for chapter, wave in zip(release["chapter"], spoken, strict=True):
        end = start + round((wave.stat().st_size - 44) / 2 / 22050 * 1000)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={end}", f"title={chapter['title']}"]
        start = end
    (place / "tags").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (place / "list").write_text("".join(f"file '{wave}'\n" for wave in spoken), encoding="utf-8")
    ffmpeg(
        "-f", "concat", "-safe", "0", "-i", str(place / "list"), "-i", str(place / "tags"), "-i", str(cover),
        "-map", "0:a", "-map", "2:v", "-map_metadata", "1", "-map_chapters", "1",
        "-c:a", "aac", "-b:a", "32k", "-ar", "22050", "-ac", "1", "-c:v", "copy", "-disposition:v", "attached_pic",
        "-fflags", "+bitexact", "-flags:a", "+bitexact", "-movflags", "+faststart", str(target),
    )  # fmt: skip


def draw_cover(release: Release, target: Path) -> None:
    """A typographic cover: a colour, a double frame, the title large, the author below."""
    colour, *lines = release["cover"]
    serif, sans = FONTS / "DejaVuSerif-Bold.ttf", FONTS / "DejaVuSans.ttf"
    filters = [
        f"drawbox=x={inset}:y={inset}:w=iw-{2 * inset}:h=ih-{2 * inset}:color=0xe9dfc8@{alpha}:t={thick}"
        for inset, alpha, thick in ((24, 0.9, 4), (36, 0.5, 1))
    ]
    size = 74 if max(len(line) for line in lines) < 11 else 62
    top = 310 - len(lines) * size // 2
    with tempfile.TemporaryDirectory() as place:
        texts = [(line, serif, size, top + n * (size + 14)) for n, line in enumerate(lines)]
        texts.append((" · ".join(release["notes"]["authors"][:1]), sans, 30, 520))
        for n, (text, font, points, y) in enumerate(texts):
            words = Path(place) / f"{n}.txt"
            words.write_text(text, encoding="utf-8")
            filters.append(
                f"drawtext=fontfile={font}:textfile={words}:fontsize={points}:fontcolor=0xf3ead6:x=(w-tw)/2:y={y}-ascent"
            )
        source = f"color=c={colour.replace('#', '0x')}:s={SIDE}x{SIDE}"
        ffmpeg("-f", "lavfi", "-i", source, "-vf", ",".join(filters), "-frames:v", "1", "-q:v", "5", str(target))


def write_ebook(release: Release, target: Path, cover: Path) -> None:
    """One e-book by its ending. `release["epub"]` is the version of an EPUB, 3 when nothing is said."""
    notes = release["notes"]
    series = notes.get("series")
    book = Text(
        title=notes["title"],
        authors=tuple(notes["authors"]),
        chapters=tuple((chapter["title"], chapter["text"]) for chapter in release["chapter"]),
        year=release["year"],
        language=release.get("language", "en"),
        cover=cover.read_bytes(),
        series=tuple(series[0]) if series else None,
    )
    made = {".epub": lambda: epub(book, release.get("epub", 3)), ".mobi": lambda: mobi(book), ".pdf": lambda: pdf(book)}
    target.write_bytes(made[target.suffix]())


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg quietly."""
    run("ffmpeg", "-hide_banner", "-loglevel", "error", "-y", *arguments)


def run(*command: str) -> None:
    """Run a program or stop with its words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]} failed: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
