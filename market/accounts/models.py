"""People: one account each, known by email, holding any number of roles."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.text import slugify
from django_countries import countries

from market.audit.recording import record

HANDLE_LENGTH = 40


class Role(models.TextChoices):
    """What a person may do here."""

    USER = "user", "User"
    ARTIST = "artist", "Artist"
    MODEL_OWNER = "model_owner", "Model owner"
    ADMIN = "admin", "Admin"


def everyone_is_a_user() -> list[str]:
    return [Role.USER.value]


def free_handle(wanted: str) -> str:
    """Make a handle from `wanted` that nobody has yet: `ada`, then `ada-2`, `ada-3`, …"""
    stem = slugify(wanted)[: HANDLE_LENGTH - 6].strip("-_").replace("_", "-") or "person"
    taken = set(
        User.objects.filter(Q(handle=stem) | Q(handle__startswith=f"{stem}-")).values_list(
            "handle", flat=True
        )
    )
    handle, number = stem, 2
    while handle in taken:
        handle, number = f"{stem}-{number}", number + 1
    return handle


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())

    async def aget_by_natural_key(self, username: str | None) -> User:
        return await self.aget(email=(username or "").lower())

    def create_user(
        self,
        email: str,
        password: str | None = None,
        *,
        display_name: str = "",
        handle: str = "",
        roles: Sequence[str] = (),
    ) -> User:
        """Save a new person; the role of a user is always included, and any other is written to the audit log."""
        if not email:
            raise ValueError("An account needs an email address.")
        person = self.model(
            email=email.strip().lower(),
            display_name=display_name or email.split("@")[0],
            handle=handle,
            roles=[role.value for role in Role if role == Role.USER or role in roles],
        )
        person.set_password(password)
        with transaction.atomic(using=self._db):
            person.save(using=self._db)
            if person.roles != everyone_is_a_user():
                record("person.roles_changed", by=None, target=person, changes={"roles": ([], person.roles)})
        return person

    def create_superuser(self, email: str, password: str | None = None, *, display_name: str = "") -> User:
        return self.create_user(email, password, display_name=display_name, roles=[Role.ADMIN])

    def with_role(self, role: Role) -> models.QuerySet[User]:
        return self.filter(roles__contains=[role.value])


class User(AbstractBaseUser):
    """A person. Signing in is by email; `handle` is the public name in addresses."""

    email = models.EmailField(
        "email address",
        max_length=254,
        unique=True,
        error_messages={"unique": "There is already an account with this email address."},
    )
    display_name = models.CharField(max_length=80, help_text="Shown beside your works and on receipts.")
    handle = models.SlugField(
        max_length=HANDLE_LENGTH,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[a-z0-9]+(?:-[a-z0-9]+)*\Z",
                "Use lower-case letters, digits and single hyphens between them.",
            )
        ],
        help_text="Your public address: artists/handle/",
    )
    about = models.TextField(max_length=2000, blank=True, help_text="A few lines for your public page.")
    country = models.CharField(
        max_length=2,
        blank=True,
        help_text="Where they live or their business is, as ISO 3166-1 has it. Reports of what people earned go by it.",
    )
    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices), default=everyone_is_a_user)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["display_name"]

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        indexes = [
            GinIndex(fields=["roles"], name="accounts_user_roles"),
            GinIndex(fields=["display_name"], opclasses=["gin_trgm_ops"], name="accounts_user_name_trigrams"),
        ]
        constraints = [
            # Together with the unique column this makes an address unique, whatever its letter case.
            models.CheckConstraint(condition=Q(email=Lower("email")), name="accounts_user_email_lower_case"),
            models.CheckConstraint(
                condition=Q(roles__contained_by=[role.value for role in Role]),
                name="accounts_user_roles_known",
            ),
            models.CheckConstraint(
                condition=Q(roles__contains=[Role.USER.value]), name="accounts_user_is_always_a_user"
            ),
            models.CheckConstraint(
                condition=Q(country="") | Q(country__regex=r"^[A-Z]{2}$"),
                name="accounts_user_country_is_a_code",
            ),
            models.CheckConstraint(
                condition=Q(handle__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"), name="accounts_user_handle_shape"
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or self.email

    def save(self, *args: object, **kwargs: object) -> None:
        self.email = self.email.lower()
        if not self.handle:
            self.handle = free_handle(self.display_name or self.email.split("@")[0])
        super().save(*args, **kwargs)  # type: ignore[arg-type]  # Django's own signature, passed through

    def get_absolute_url(self) -> str:
        return reverse("catalog:artist", args=[self.handle])

    def get_full_name(self) -> str:
        return self.display_name

    def get_short_name(self) -> str:
        return self.display_name

    @property
    def country_name(self) -> str:
        """The country in words; empty where the person did not say it."""
        return str(countries.name(self.country))

    def has_role(self, role: Role | str) -> bool:
        return str(role) in self.roles

    @property
    def is_artist(self) -> bool:
        return self.has_role(Role.ARTIST)

    @property
    def is_model_owner(self) -> bool:
        return self.has_role(Role.MODEL_OWNER)

    @property
    def is_admin(self) -> bool:
        return self.has_role(Role.ADMIN)

    @property
    def is_staff(self) -> bool:
        """Whether Django's admin lets this person in. The role alone decides."""
        return self.is_admin

    @property
    def is_superuser(self) -> bool:
        return self.is_admin

    def has_perm(self, perm: str, obj: object | None = None) -> bool:
        return self.is_active and self.is_admin

    def has_perms(self, perm_list: Sequence[str], obj: object | None = None) -> bool:
        return self.is_active and self.is_admin

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_admin

    def role_labels(self) -> list[str]:
        return [str(Role(role).label) for role in self.roles]


class RoleAcceptance(models.Model):
    """Record that a person took on a role and agreed to its terms: which text, who, when."""

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="role_acceptances")
    role = models.CharField(max_length=20, choices=Role.choices)
    text_version = models.CharField(max_length=40)
    text = models.TextField()
    accepted_at = models.DateTimeField(default=timezone.now, editable=False)
    ip_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ["accepted_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "role", "text_version"], name="accounts_roleacceptance_once_a_version"
            ),
            models.CheckConstraint(
                condition=Q(role__in=[Role.ARTIST.value, Role.MODEL_OWNER.value]),
                name="accounts_roleacceptance_role_is_taken_on",
            ),
            models.CheckConstraint(
                condition=~Q(text="") & ~Q(text_version=""), name="accounts_roleacceptance_text_kept"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} as {self.get_role_display()}, terms {self.text_version}"

    def clean(self) -> None:
        if self.role not in (Role.ARTIST, Role.MODEL_OWNER):
            raise ValidationError("Only the roles of artist and model owner are taken on.")


class Scope(models.TextChoices):
    """What an API token may do. Every token reads."""

    READ = "read", "Read: see what you can see"
    GENERATE = "generate", "Generate: ask for pictures, which you pay for"
    SELL = "sell", "Sell: register concepts and works, have plug-ins made of them, set prices, publish"
    CLAIM = "claim", "Claim: make claims, and answer those about what is yours"
    MANAGE = "manage", "Manage: send and register base models, take concepts out, decide on releases"


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def usable(self) -> ApiTokenQuerySet:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)


class ApiToken(models.Model):
    """What a person's programs sign in with.

    Only the token's SHA-256 is kept. What a token may do never changes.
    """

    person = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_tokens")
    name = models.CharField(max_length=60, help_text="What it is for, such as the program that uses it.")
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    digest = models.CharField(max_length=64, unique=True, editable=False)
    ending = models.CharField(
        max_length=4, editable=False, help_text="Its last letters, to tell it from others."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[ApiTokenQuerySet] = ApiTokenQuerySet.as_manager()  # type: ignore[assignment]  # a manager made from the query set has all of its methods

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=r"\S"), name="accounts_apitoken_has_a_name"),
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[scope.value for scope in Scope]),
                name="accounts_apitoken_scopes_known",
            ),
            models.CheckConstraint(
                condition=Q(scopes__contains=[Scope.READ.value]), name="accounts_apitoken_always_reads"
            ),
            models.CheckConstraint(
                condition=Q(digest__regex=r"^[0-9a-f]{64}$"), name="accounts_apitoken_digest_shape"
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("created_at")),
                name="accounts_apitoken_expires_after_it_is_made",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def allows(self, scope: Scope) -> bool:
        return scope.value in self.scopes

    def scope_labels(self) -> list[str]:
        return [str(Scope(scope).label).split(":")[0] for scope in self.scopes]

    def revoke(self) -> bool:
        """Take it out of use. False: it was already."""
        changed = ApiToken.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=timezone.now())
        self.refresh_from_db(fields=["revoked_at"])
        return changed == 1

    def note_use(self, *, every: timedelta) -> None:
        """Note that it is used now. This writes only now and then: a busy token must not write with each request."""
        now = timezone.now()
        ApiToken.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=now - every), pk=self.pk).update(
            last_used_at=now
        )
