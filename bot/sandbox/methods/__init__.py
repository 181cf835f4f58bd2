"""The Web API methods of the workspace: one table of name, scopes, arguments and function."""

from bot.sandbox.methods import apps, chat, conversations, files, users, views
from bot.sandbox.methods.method import Method

METHODS: dict[str, Method] = {
    **apps.METHODS,
    **chat.METHODS,
    **conversations.METHODS,
    **files.METHODS,
    **users.METHODS,
    **views.METHODS,
}
