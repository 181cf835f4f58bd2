"""Who asks: `/api/v1/me`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from bot.domain.access import Scope
from bot.services.people import get_person
from bot.web.api.context import Api, Asker, errors, needs
from bot.web.api.results import MeResult


def me_routes(api: Api) -> APIRouter:
    """What a token or session is good for."""
    router = APIRouter(tags=["me"])
    reading = needs(api, Scope.READ)

    @router.get("/me", response_model=MeResult, responses=errors())
    def me(asker: Asker = reading) -> Any:
        """Who you are to gpubot, and what you may."""
        cluster, viewer, user = api.site.cluster, asker.viewer, asker.user
        person = get_person(api.site, user)
        return {
            "user": user,
            "name": person.name if person else user,
            "zone": person.zone_name if person else cluster.zone_name,
            "language": person.locale if person else cluster.language,
            "teams": [
                {"name": team.name, "lead": user in team.leads, "color": team.color}
                for team in cluster.teams_of(user)
            ],
            "admin": cluster.is_admin(user),
            "urgent": user in cluster.urgent,
            "scopes": sorted(viewer.scopes),
            "team": viewer.team,
            "via": viewer.via,
        }

    return router
