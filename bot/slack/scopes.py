"""What the Slack app may do, as `manifest.yml` asks for it; a test holds the two together."""

from __future__ import annotations

#: Each bot scope, and what does not work without it.
SCOPES = {
    "commands": "the command /gpu",
    "chat:write": "announcements and notices",
    "chat:write.public": "announcements in public channels that gpubot is not a member of",
    "im:write": "direct messages",
    "channels:read": "looking whether a team's channel is there",
    "groups:read": "looking whether a team's private channel is there",
    "users:read": "people's names, time zones and languages",
    "users:read.email": "people's addresses",
    "usergroups:read": "teams made of user groups",
    "files:write": "pictures of the calendar",
}
