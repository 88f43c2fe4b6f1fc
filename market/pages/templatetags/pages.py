"""Template tags of the shared look: navigation and the shape of a form field."""

from django import forms, template
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from market.pages.navigation import NavigationItem, navigation_for

register = template.Library()


@register.simple_tag(takes_context=True)
def navigation(context: template.Context) -> list[NavigationItem]:
    """The main navigation for the person of this request. Without a request (error pages) it is a visitor's."""
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        return navigation_for(roles=None, path="")
    user = getattr(request, "user", None)
    roles = user.roles if user is not None and user.is_authenticated else None
    return navigation_for(roles=roles, path=request.path)


@register.filter
def widget_kind(field: forms.BoundField) -> str:
    """Name how a field is laid out: "checkbox" beside its label, "group" in a fieldset, or "plain" under a label."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        return "checkbox"
    if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        return "group"
    return "plain"


@register.simple_block_tag
def table(content: str, *, label: str = "", labelledby: str = "", stack: bool = False) -> SafeString:
    """Frame the rows of a table, so that a table too wide for the screen scrolls, also by keyboard.

    Its name is `label`, or the element whose id is `labelledby`. With `stack` a narrow screen shows each row as a card.
    """
    named = (
        format_html('aria-label="{}"', label) if label else format_html('aria-labelledby="{}"', labelledby)
    )
    return format_html(
        '<div class="table-wrap" tabindex="0" role="region" {}><table class="table{}">{}</table></div>',
        named,
        " table-stack" if stack else "",
        content,
    )
