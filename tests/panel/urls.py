"""The panel and a sign-in page, apart from the site's other addresses."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from webmail.panel.site import panel_site


def sign_in(request: HttpRequest) -> HttpResponse:
    """Stands for the site's form."""
    return HttpResponse("sign in")


urlpatterns = [
    path("admin/", panel_site.urls),
    path("accounts/login/", sign_in, name="account_login"),
    path("manifest.webmanifest", sign_in, name="manifest"),  # every page of the site names it
]
