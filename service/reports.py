"""What the operator's commands say when they are done: a summary for people, or the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from indexer.papers import ChangeKind
from service.console import Stopwatch, print_json, print_text, warn

if TYPE_CHECKING:
    from indexer.crawling import CrawlSummary
    from indexer.linking import LinkSummary
    from indexer.reconciling import ReconcileSummary
    from indexer.syncing import SyncSummary
    from indexer.updating import UpdateSummary

_CHANGES = {ChangeKind.METADATA: "changed but for the text"}
_NAMED = 10  # records left out and papers vanished that are named one by one


def report_crawl(
    summary: CrawlSummary,
    compared: ReconcileSummary | None,
    watch: Stopwatch,
    *,
    as_json: bool,
    quiet: bool = False,
) -> None:
    """What a crawl did."""
    if as_json:
        told = crawl_data(summary) | ({"compared": compare_data(compared)} if compared else {})
        return print_json(told | _spent(watch))
    if not quiet:
        print_text(f"{crawl_line(summary)} in {watch}")
        if compared:
            print_text(compare_line(compared))
    return _tell_problems(summary, *([compared.crawled] if compared else []))


def report_link(summary: LinkSummary, watch: Stopwatch, *, as_json: bool, quiet: bool = False) -> None:
    """What linking did."""
    if as_json:
        return print_json(link_data(summary) | _spent(watch))
    if not quiet:
        print_text(f"{link_line(summary)}, in {watch}")
    return _tell_problems(summary)


def report_update(summary: UpdateSummary, watch: Stopwatch, *, as_json: bool, quiet: bool = False) -> None:
    """What an update did."""
    if as_json:
        return print_json(update_data(summary) | _spent(watch))
    if not quiet:
        print_text(f"{update_line(summary)} ({watch})")
    return None


def report_sync(summary: SyncSummary, watch: Stopwatch, *, as_json: bool, quiet: bool = False) -> None:
    """What a sync did, step by step, and which sources failed."""
    if as_json:
        return print_json(_sync_data(summary) | _spent(watch))
    if not quiet:
        lines = [crawl_line(one) for one in summary.crawled]
        lines += [compare_line(one) for one in summary.reconciled]
        lines += [link_line(one) for one in summary.linked]
        lines += [update_line(summary.updated)] if summary.updated else []
        print_text("\n".join(lines) + f"\nsynced in {watch}")
    _tell_problems(*summary.crawled, *(one.crawled for one in summary.reconciled), *summary.linked)
    for failure in summary.failures:
        warn(f"{failure.source} failed: {failure.reason}")
    return None


def crawl_line(summary: CrawlSummary) -> str:
    """A crawl in one line."""
    kinds = [(summary.changes[kind], _CHANGES.get(kind, str(kind))) for kind in ChangeKind]
    kinds += [(summary.withdrawn, "withdrawn"), (len(summary.vanished), "vanished")]
    kinds += [(summary.announced, "announcements"), (summary.rejected_count, "quarantined")]
    told = ", ".join(f"{count:,} {name}" for count, name in kinds if count) or "nothing new"
    verb = "would have crawled" if summary.dry else "crawled"
    return f"{verb} {_named(summary.source)} {summary.read:,} papers ({told})"


def compare_line(summary: ReconcileSummary) -> str:
    """A comparison with the whole list of a source in one line."""
    done = summary.crawled
    return (
        f"compared with the list of {_named(done.source)} {summary.listed:,} papers listed,"
        f" {summary.outdated:,} missing or older here ({done.read:,} fetched),"
        f" {summary.unlisted:,} not listed ({len(done.vanished):,} vanished)"
    )


def link_line(summary: LinkSummary) -> str:
    """A linking in one line."""
    counts = [(summary.gone, "gone"), (summary.rejected_count, "quarantined")]
    told = "".join(f", {count:,} {name}" for count, name in counts if count)
    asked = summary.answered + summary.unknown
    whom = f" for {asked:,} papers ({summary.unknown:,} unknown there)" if asked else ""
    return f"linked {_named(summary.source)} {summary.read:,} citations{whom}, {summary.new:,} new{told}"


def update_line(summary: UpdateSummary) -> str:
    """An update in one line."""
    if not summary.published:
        return f"nothing new: generation {summary.generation} is up to date"
    return (
        f"generation {summary.generation}: {summary.embedded:,} papers embedded, {summary.papers:,} papers, "
        f"{summary.citations:,} citations, {summary.topics} topics"
    )


def _named(source: str) -> str:
    """A source at the beginning of a line: `oai-pmh:` has its colon already."""
    return source if source.endswith(":") else f"{source}:"


def crawl_data(summary: CrawlSummary) -> dict[str, Any]:
    """A crawl as plain data."""
    return {
        "source": summary.source,
        "dry_run": summary.dry,
        "read": summary.read,
        **{str(kind): summary.changes[kind] for kind in ChangeKind},
        "withdrawn": summary.withdrawn,
        "vanished": [str(paper_id) for paper_id in summary.vanished],
        "announced": summary.announced,
        **_problems(summary),
    }


def compare_data(summary: ReconcileSummary) -> dict[str, Any]:
    """A comparison with the whole list of a source as plain data."""
    counts = {name: getattr(summary, name) for name in ("listed", "outdated", "unlisted")}
    return counts | {"fetched": crawl_data(summary.crawled)}


def link_data(summary: LinkSummary) -> dict[str, Any]:
    """A linking as plain data."""
    names = ("source", "read", "new", "gone", "answered", "unknown")
    return {name: getattr(summary, name) for name in names} | _problems(summary)


def update_data(summary: UpdateSummary) -> dict[str, Any]:
    """An update as plain data."""
    names = ("published", "generation", "embedded", "papers", "topics", "citations")
    return {name: getattr(summary, name) for name in names}


def _sync_data(summary: SyncSummary) -> dict[str, Any]:
    return {
        "crawled": [crawl_data(one) for one in summary.crawled],
        "compared": [compare_data(one) for one in summary.reconciled],
        "linked": [link_data(one) for one in summary.linked],
        "updated": update_data(summary.updated) if summary.updated else None,
        "failures": [{"source": one.source, "reason": one.reason} for one in summary.failures],
    }


def _problems(summary: CrawlSummary | LinkSummary) -> dict[str, Any]:
    shown = [{"where": one.where, "reason": one.reason} for one in summary.rejected]
    return {
        "rejected": summary.rejected_count,
        "rejected_records": shown,
        "remarks": list(summary.remarks),
    }


def _spent(watch: Stopwatch) -> dict[str, Any]:
    return {"seconds": round(watch.seconds, 2), "peak_megabytes": watch.peak_megabytes}


def _tell_problems(*summaries: CrawlSummary | LinkSummary) -> None:
    """What people should know even of a quiet command."""
    for summary in summaries:
        for remark in summary.remarks:
            warn(remark)
        for one in summary.rejected[:_NAMED]:
            warn(f"left out {one.where}: {one.reason}")
        if summary.rejected_count > _NAMED:
            warn(f"{summary.rejected_count:,} records were left out; --json names the first 100")
