"""Names by which Slack tells us what was pressed, submitted or filled in.

An element's `action_id` is one of ActionId, with `:0`, `:1`, … behind it where the same action
stands more than once in a block; everything before the colon decides who handles it.
"""

from __future__ import annotations

from enum import StrEnum


class ActionId(StrEnum):
    """What a button, menu or input does."""

    #: Runs the command text in its value, as if it had been typed.
    RUN = "run"
    #: Books the request or requests in its value.
    BOOK = "book"
    #: Opens the form to reserve; its value may hold a request to begin with.
    RESERVE = "reserve"
    #: A field of the form to reserve changed.
    RESERVE_FIELD = "reserve_field"
    SHOW = "show"
    EXTEND = "extend"
    #: Extends by the length in its value.
    EXTEND_BY = "extend_by"
    MOVE = "move"
    #: Moves to the start in its value.
    MOVE_TO = "move_to"
    TRANSFER = "transfer"
    TRANSFER_ACCEPT = "transfer_accept"
    TRANSFER_DECLINE = "transfer_decline"
    TRANSFER_WITHDRAW = "transfer_withdraw"
    #: Opens the form to cancel or release, which asks for a reason where the rules want one.
    GIVE_UP_FORM = "give_up_form"
    #: More of what can be done with a booking: a small menu.
    MORE = "more"
    #: Another page of `status`.
    STATUS_PAGE = "status_page"
    #: Another page of `node`.
    NODE_PAGE = "node_page"
    #: Another page of `mine`.
    MINE_PAGE = "mine_page"
    DRAIN = "drain"
    RESUME = "resume"
    #: Opens the preview of a preemption, for the request in its value.
    PREEMPT = "preempt"
    #: A preemptee's answers; their values are preemption ids.
    RELEASE_NOW = "release_now"
    MORE_TIME = "more_time"
    BOOK_AGAIN = "book_again"
    KEEP_TIME = "keep_time"
    #: Starts a booking's job once more.
    RUN_AGAIN = "run_again"
    #: Books more time for a job whose booking is over.
    MORE_TIME_FOR_JOB = "more_time_for_job"
    #: Answers "is it still needed?", also before it is asked.
    STILL_NEEDED = "still_needed"
    #: Gives a booking back that nobody seems to use.
    NOT_NEEDED = "not_needed"
    #: Says that a run is alive, so that it may overrun.
    LET_FINISH = "let_finish"
    #: Opens the form to wait; its value may hold a wish, or words, to begin with.
    WAIT = "wait"
    #: Joins the waitlist with the wish in its value.
    JOIN_WAITLIST = "join_waitlist"
    #: Opens the form to wait with what an entry asks for, to change it.
    WAIT_CHANGE = "wait_change"
    WAIT_LEAVE = "wait_leave"
    OFFER_ACCEPT = "offer_accept"
    OFFER_DECLINE = "offer_decline"
    #: Declines the offer and leaves the waitlist.
    OFFER_LEAVE = "offer_leave"
    #: Opens the form to queue short work; its value may hold words to begin with.
    QUEUE = "queue"
    #: Queues the work in its value.
    QUEUE_NOW = "queue_now"
    #: Opens the form to subscribe; its value may hold a feed to begin with.
    SUBSCRIBE = "subscribe"
    #: Makes a new address for the feed in its value.
    SUBSCRIBE_AGAIN = "subscribe_again"
    #: Has the address of the feed in its value open nothing any more.
    UNSUBSCRIBE = "unsubscribe"
    #: Has a token open nothing any more.
    TOKEN_REVOKE = "token_revoke"  # noqa: S105 - an action's name
    #: Opens the form that says what a booking runs.
    JOB = "job"
    JOB_REMOVE = "job_remove"
    #: Opens a page in the browser.
    OPEN_PAGE = "open_page"
    #: An input that is only read when its form is submitted.
    FIELD = "field"


class CallbackId(StrEnum):
    """Which form was submitted."""

    RESERVE = "reserve"
    EXTEND = "extend"
    MOVE = "move"
    TRANSFER = "transfer"
    GIVE_UP = "give_up"
    DRAIN = "drain"
    PREEMPT = "preempt"
    WAIT = "wait"
    QUEUE = "queue"
    SUBSCRIBE = "subscribe"
    JOB = "job"
    #: A window that only tells something.
    TOLD = "told"


class BlockId(StrEnum):
    """Fields of forms; the names are those that a BookingError's `form_field` uses."""

    GPUS = "gpus"
    MODEL = "model"
    NODE = "node"
    START = "start"
    LENGTH = "length"
    PRIORITY = "priority"
    PREEMPTIBLE = "preemptible"
    TEAM = "team"
    PURPOSE = "purpose"
    SPREAD = "spread"
    #: Which booking a form is about, where it was not said.
    BOOKING = "booking"
    REASON = "reason"
    RECEIVER = "receiver"
    UNTIL = "until"
    EARLIEST = "earliest"
    LATEST = "latest"
    COMMAND = "command"
    #: What runs on the booking: a template with its parameters, or a command of one's own.
    JOB = "job"
    PARAMETERS = "parameters"
    RUN = "run"
    #: Whose bookings a calendar feed shows.
    FEED = "feed"
    #: The line that says whether what is filled in is free.
    AVAILABILITY = "availability"
    #: What went wrong with the form as a whole.
    BANNER = "banner"
