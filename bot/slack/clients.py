"""Clients of Slack's Web API and response_urls, each with the patience its use allows."""

from __future__ import annotations

from functools import cache
from http.client import HTTPException, HTTPResponse
from ssl import SSLContext, create_default_context
from typing import Any
from urllib.request import Request

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse
from slack_sdk.webhook import WebhookClient, WebhookResponse

from bot import turns
from bot.config.settings import Settings
from bot.loopback import is_loopback
from bot.slack.patience import opener

#: How many seconds a call may take as a whole. Somebody waits, and Slack gives up after 3 s.
INTERACTIVE_TIMEOUT_S = 2
#: Nobody waits; still short enough for a clean end of the program.
BACKGROUND_TIMEOUT_S = 6

#: Everything a call can raise: Slack's own errors, and a network or an answer that is broken.
CALL_ERRORS = (SlackClientError, HTTPException, OSError, ValueError)


class BrokenAnswer(SlackClientError):
    """What came back is no answer of Slack's: a proxy, or an outage, spoke in its place."""


class Client(WebClient):
    """A client that has one kind of error for every answer that makes no sense.

    slack_sdk trips over JSON that is no object, and shows what is no JSON in full. Its `timeout`
    is for a call as a whole here.
    """

    def api_call(self, *arguments: Any, **named: Any) -> SlackResponse:
        """See WebClient.api_call. Raises CALL_ERRORS only."""
        turns.pass_on()
        try:
            answer = super().api_call(*arguments, **named)
        except CALL_ERRORS:
            raise
        except Exception as error:
            raise BrokenAnswer(type(error).__name__) from error
        if answer.get("ok") is not True:
            raise BrokenAnswer("ok")
        return answer

    def _perform_urllib_http_request_internal(
        self,
        url: str,  # noqa: ARG002 - the request has it
        req: Request,
    ) -> dict[str, Any]:
        """One request, in the place of slack_sdk's, whose timeout is for each read."""
        with opener(self.proxy, self.ssl).open(req, timeout=self.timeout) as answer:
            return {"status": answer.status, "headers": answer.headers, "body": _text_of(answer)}


class Webhook(WebhookClient):
    """Posts to a response_url; its `timeout` is for a call as a whole, too."""

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        """One request, in the place of slack_sdk's."""
        with opener(self.proxy, self.ssl).open(req, timeout=self.timeout) as answer:
            return WebhookResponse(
                url=url, status_code=answer.status, body=_text_of(answer), headers=answer.headers
            )


def interactive_client(settings: Settings) -> WebClient:
    """For calls within the 3 s that Slack gives an answer; it does not retry."""
    return _client(settings, INTERACTIVE_TIMEOUT_S)


def background_client(settings: Settings) -> WebClient:
    """For deliveries and checks; it does not retry (slack_sdk's handlers sleep)."""
    return _client(settings, BACKGROUND_TIMEOUT_S)


def webhook(url: str) -> WebhookClient:
    """For answers to a response_url; it does not retry."""
    nearby = is_loopback(url)
    made = Webhook(
        url,
        timeout=BACKGROUND_TIMEOUT_S,
        ssl=None if nearby else _trusting(),
        retry_handlers=[],
    )
    if nearby:
        made.proxy = None
    return made


def error_code(error: Exception) -> str:
    """Slack's name for what went wrong with a call; the error's own where Slack said nothing."""
    data = error.response.data if isinstance(error, SlackApiError) else None
    named = str(data.get("error", "")) if isinstance(data, dict) else ""
    return named or type(error).__name__


def _text_of(answer: HTTPResponse) -> str:
    return answer.read().decode(answer.headers.get_content_charset() or "utf-8")


@cache
def _trusting() -> SSLContext:
    """Whom to trust, as the system says; without it each call reads all of that anew."""
    return create_default_context()


def _client(settings: Settings, timeout: int) -> WebClient:
    nearby = is_loopback(settings.slack_api_url)
    client = Client(
        token=settings.bot_token,
        base_url=settings.slack_api_url,
        timeout=timeout,
        ssl=None if nearby else _trusting(),
        retry_handlers=[],
    )
    if nearby:
        client.proxy = None
    return client
