"""`response_mode=form_post`: a form that sends itself, or that the person sends where script is off
(OAuth 2.0 Form Post Response Mode)."""

from carekey.oidc.authorize.response import Answer
from carekey.web.kit import Request, Response, page


def respond(request: Request, answer: Answer) -> Response:
    return page(
        request,
        "authorize/_form_post.html",
        form_action=(answer.origin,),
        address=answer.redirect_uri,
        parameters=answer.parameters,
    )
