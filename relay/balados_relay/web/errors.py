"""What a person is told when a page cannot be shown. Programs that ask for anything else get a problem document."""

from typing import Any

from litestar import Request, Response

from balados_relay.web.pages import page
from balados_shared.http import problems as documents
from balados_shared.problems import Problem

_TITLES = {
    400: "That could not be read",
    403: "That is not allowed",
    404: "There is nothing here",
    405: "There is nothing here",
    413: "That is too much",
    429: "Please wait a little",
    500: "Something went wrong",
    503: "Not now",
    507: "The disk is full",
}
_PLAIN = {
    404: "This address leads nowhere. It may have been mistyped, or what was here is gone.",
    405: "This address leads nowhere. It may have been mistyped, or what was here is gone.",
    500: "The relay could not do that. What went wrong is in its log.",
}
_PROGRAMS = ("/api/", "/sync/", "/schema", "/rss/", "/static/")


def error_page(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Tell a person what went wrong: the exception handler of pages."""
    problem = documents.problem_of(error)
    documents.log_failure(problem, error)
    return problem_page(request, problem)


def problem_page(request: Request[Any, Any, Any], problem: Problem) -> Response[str]:
    """Show a problem as a page."""
    status = problem.status
    title = _TITLES.get(status, "That did not work")
    message = _PLAIN.get(status, problem.message)
    return page(
        request, "error.html", status=status, headers=problem.headers, title=title, message=message, problem=problem
    )


def answer_anywhere(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer what failed outside of the pages: as a page where a browser strayed, else as a problem document."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if wants_page and not request.scope["path"].startswith(_PROGRAMS):
        return error_page(request, error)
    return documents.answer(request, error)
