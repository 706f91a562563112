"""What the server as a whole holds, bounded: descriptors, the sessions of closed tabs, files; and what its log says.

And what it does by itself: it draws a page anew when what that waits for is over.

Streamlit has no place where this could be set; it is done in its own objects, once, when the first page is drawn.
`tests/test_server.py` tells where another version of it has moved them.
"""

import asyncio
import ctypes
import gc
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.exceptions import HTTPException
from streamlit.runtime import Runtime, get_instance
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.caching.ttl_cache import TTLCache
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from core.jobs.job import Job
from pages.parts import session, training
from pages.parts.sending import on_event

DESCRIPTORS = "/proc/self/fd"
FULL = 0.9
"""Share of the descriptors that may be open before the next visitor is asked to come later."""
EXPIRY_SECONDS = 10.0
PATIENCE = 0.03  # seconds until a session that is busy is looked at again
MAKERS_SECONDS, FILES_SECONDS = 5.0, 30.0
"""How long a file can be made for a page that is no more, which holds the result of that page, and then be fetched."""
PARSING = "streamlit.web.server.starlette.starlette_websocket"
SERVING = "uvicorn.error"


streamlits_clear = ForwardMsgQueue.clear


def keep_unsent(
    self: ForwardMsgQueue, retain_lifecycle_msgs: bool = False, fragment_ids_this_run: list[str] | None = None
) -> None:
    """Begin a run of fragments, or of a page, for which nothing of an older one may still be sent.

    Streamlit drops what it has not yet sent of the fragments that begin, but not of those within them: the browser
    then gets places whose neighbours it has not heard of, and the page is dead until it is loaded again. All is sent,
    and nothing newer is put in its place in the queue, as if it had been sent in time.
    """
    if fragment_ids_this_run:
        self._delta_index_map = {}
    else:
        streamlits_clear(self, retain_lifecycle_msgs, fragment_ids_this_run)


class Sessions(TTLCache[str, SessionInfo]):
    """The sessions of closed tabs, for when their visitors come back; those that go are ended.

    Otherwise each would keep its files for ever, and its three descriptors until Python happens to collect it.
    """

    def expire(self, at_time: float | None = None) -> list[tuple[str, SessionInfo]]:
        """Drop the sessions whose time is over."""
        gone = super().expire(at_time)
        for _, info in gone:
            info.session.shutdown()
        return gone

    def _evict_lru(self, reason: Any) -> SessionInfo:
        """Drop one to make room for another."""
        info = super()._evict_lru(reason)
        info.session.shutdown()
        return info


class Uploads(MemoryUploadedFileManager):
    """Files that visitors have sent: one of each session, and all together no more than what may be opened."""

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Keep a file in the place of the session's last one. Raises HTTPException 413 where there is no room."""
        self.remove_session_files(session_id)
        room = training.registry().settings.upload_bytes
        with self._lock:
            held = self._total_bytes
        if held + len(file.data) > room:
            raise HTTPException(413, "The server holds as many files as it has room for: try again later")
        super().add_file(session_id, file)


class Downloads(MediaFileManager):
    """Files to download, and what makes them: there for a while after a newer page has replaced them.

    Streamlit drops what makes a file as soon as a run has made the button anew, and the file when two runs of anybody
    have ended: a press on the button that is still on the screen, or the fetching of its file, then comes too late.
    """

    unused_since: dict[str, float]

    def remove_orphaned_files(self) -> None:
        """Remove what no session has had on its page for so long."""
        now = time.monotonic()
        with self._lock:
            makers = set(self._deferred_callables)
            for own in self._files_by_session_and_coord.values():
                makers.difference_update(own.values())
            files = self._get_inactive_file_ids()
            self.unused_since = {name: self.unused_since.get(name, now) for name in (*files, *makers)}
            for name, since in self.unused_since.items():
                if name in makers and now - since > MAKERS_SECONDS:
                    self._drop_deferred_id(name)
                if name in files and now - since > FILES_SECONDS:
                    self._delete_file(name)


def _in_one_line(record: logging.LogRecord) -> bool:
    """Say in a line, without the traceback, that somebody has sent what no browser sends."""
    if record.name == PARSING and record.exc_info:
        record.exc_info, record.exc_text = None, None
        record.msg, record.args = "A frame that is no message of Streamlit's: its connection was closed", ()
    if record.name == SERVING and record.exc_info and _of_a_text_frame(record.exc_info[1]):
        record.exc_info, record.exc_text = None, None
        record.msg, record.args = "A frame of text: its connection was closed", ()
    return True


def _of_a_text_frame(error: BaseException | None) -> bool:
    """Whether this is what becomes of a text where Streamlit waits for bytes."""
    place = error.__traceback__ if error is not None else None
    names = []
    while place is not None:
        names.append(place.tb_frame.f_code.co_name)
        place = place.tb_next
    return isinstance(error, KeyError | TypeError) and "_websocket_endpoint" in names


@st.cache_resource(show_spinner=False)
def prepare() -> None:
    """Bound what this server holds, if it is one; what is done already is not done again."""
    _raise_limit()
    for name in (PARSING, SERVING):
        logging.getLogger(name).addFilter(_in_one_line)
    runtime: Any = get_instance()
    if type(runtime) is not Runtime:  # a page without a server, in a test
        return
    ForwardMsgQueue.clear = keep_unsent  # type: ignore[method-assign]
    AppSession._on_scriptrunner_event = on_event  # type: ignore[method-assign]
    if type(runtime.uploaded_file_mgr) is MemoryUploadedFileManager:
        runtime.uploaded_file_mgr.__class__ = Uploads
    downloads: Any = runtime.media_file_mgr
    if not isinstance(downloads, Downloads):
        downloads.__class__ = Downloads
        downloads.unused_since = {}
    manager: Any = runtime._session_mgr
    sessions = manager._session_storage._cache
    if type(sessions) is TTLCache:
        sessions.__class__ = Sessions
    loop = runtime._get_async_objs().eventloop
    loop.call_soon_threadsafe(expire, loop, sessions, manager.num_active_sessions)


def expire(loop: asyncio.AbstractEventLoop, sessions: Sessions, here: Callable[[], int], untidy: bool = False) -> None:
    """End the sessions whose time is over, now and from time to time; `here` gives how many visitors are here."""
    gone = sessions.expire()
    training.let_go()
    if untidy and not gone and not sessions and not here():  # what ends is over by the next time
        tidy()
        untidy = False
    loop.call_later(EXPIRY_SECONDS, expire, loop, sessions, here, untidy or bool(gone))


def tidy() -> None:
    """Give back the memory of visitors who have all left.

    A session is in circles, which Python finds when it looks at everything. That stops the server for a second or so,
    hence only while nobody is here. What is free then glibc keeps in its heaps, unless it is told to trim them.
    """
    gc.collect()
    with suppress(OSError, AttributeError):  # another system's library has no such function
        ctypes.CDLL(None).malloc_trim(0)


def redraw_when_over(job: Job) -> None:
    """Have this visitor's page drawn anew as soon as the job has ended, which a page that looks from time to time would
    learn late."""
    runtime: Any = get_instance()
    context = get_script_run_ctx()
    if type(runtime) is not Runtime or context is None:  # a page without a server, in a test
        return
    here, name = session.current(), context.session_id
    loop = runtime._get_async_objs().eventloop

    def redraw() -> None:
        info = runtime._session_mgr.get_active_session_info(name)
        # A job is paused because nobody looks at it: the next look is what lets it go on.
        if info is None or job not in (here.live, here.other) or job.status == "paused":
            return
        if info.session._scriptrunner is not None:
            # What runs may be of another page or address, which its visitor has just asked for: that comes first.
            loop.call_later(PATIENCE, redraw)
            return
        here.rerun_is_ours = True
        info.session.request_rerun(info.session._client_state)

    def over() -> None:
        with suppress(RuntimeError):  # the server is ending
            loop.call_soon_threadsafe(redraw)

    job.when_over(name, over)


def _raise_limit() -> None:
    """Let this process open as many files and connections as the system allows it to."""
    with suppress(ImportError, OSError, ValueError):  # not on Windows, and not where it is forbidden
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def full() -> bool:
    """Whether so many descriptors are open that the next visitor might find the server broken."""
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        # A newer Linux (6.2) has counted them; to list those of a crowd takes as long as a chart.
        if limit == resource.RLIM_INFINITY or 0 < Path(DESCRIPTORS).stat().st_size <= FULL * limit:
            return False
        return sum(1 for _ in os.scandir(DESCRIPTORS)) > FULL * limit
    except (ImportError, OSError):
        return False


def welcome() -> None:
    """Ask a new visitor to come later where the server is full."""
    visitor = session.current()
    if visitor.welcomed:
        return
    if full():
        st.title("The server is full")
        st.warning("So many visitors are here that another one might break it for all. Try again in a minute or two.")
        st.stop()
    visitor.welcomed = True
