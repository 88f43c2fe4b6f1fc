import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import market.accounts.models
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('accounts', '0001_people'),
        ('accounts', '0002_guards'),
        ('accounts', '0003_country'),
        ('accounts', '0004_api_tokens'),
        ('accounts', '0005_api_token_guards'),
        ('accounts', '0006_scope_to_sell'),
    ]

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('email', models.EmailField(error_messages={'unique': 'There is already an account with this email address.'}, max_length=254, unique=True, verbose_name='email address')),
                ('display_name', models.CharField(help_text='Shown beside your works and on receipts.', max_length=80)),
                ('handle', models.SlugField(help_text='Your public address: artists/handle/', max_length=40, unique=True, validators=[django.core.validators.RegexValidator('\\A[a-z0-9]+(?:-[a-z0-9]+)*\\Z', 'Use lower-case letters, digits and single hyphens between them.')])),
                ('about', models.TextField(blank=True, help_text='A few lines for your public page.', max_length=2000)),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('user', 'User'), ('artist', 'Artist'), ('model_owner', 'Model owner'), ('admin', 'Admin')], max_length=20), default=market.accounts.models.everyone_is_a_user, size=None)),
                ('is_active', models.BooleanField(default=True)),
                ('joined_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('country', models.CharField(blank=True, help_text='Where they live or their business is, as ISO 3166-1 has it. Reports of what people earned go by it.', max_length=2)),
            ],
            options={
                'verbose_name': 'person',
                'verbose_name_plural': 'people',
                'indexes': [django.contrib.postgres.indexes.GinIndex(fields=['roles'], name='accounts_user_roles')],
                'constraints': [models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='accounts_user_email_lower_case'), models.CheckConstraint(condition=models.Q(('roles__contained_by', ['user', 'artist', 'model_owner', 'admin'])), name='accounts_user_roles_known'), models.CheckConstraint(condition=models.Q(('roles__contains', ['user'])), name='accounts_user_is_always_a_user'), models.CheckConstraint(condition=models.Q(('country', ''), ('country__regex', '^[A-Z]{2}$'), _connector='OR'), name='accounts_user_country_is_a_code'), models.CheckConstraint(condition=models.Q(('handle__regex', '^[a-z0-9]+(-[a-z0-9]+)*$')), name='accounts_user_handle_shape')],
            },
        ),
        migrations.CreateModel(
            name='ApiToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='What it is for, such as the program that uses it.', max_length=60)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('read', 'Read: see what you can see'), ('generate', 'Generate: ask for pictures, which you pay for'), ('sell', 'Sell: register concepts and works, have plug-ins made of them, set prices, publish'), ('claim', 'Claim: make claims, and answer those about what is yours'), ('manage', 'Manage: send and register base models, take concepts out, decide on releases')], max_length=20), size=None)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('ending', models.CharField(editable=False, help_text='Its last letters, to tell it from others.', max_length=4)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'API token',
                'ordering': ['-created_at', '-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('name__regex', '\\S')), name='accounts_apitoken_has_a_name'), models.CheckConstraint(condition=models.Q(('scopes__contained_by', ['read', 'generate', 'sell', 'claim', 'manage'])), name='accounts_apitoken_scopes_known'), models.CheckConstraint(condition=models.Q(('scopes__contains', ['read'])), name='accounts_apitoken_always_reads'), models.CheckConstraint(condition=models.Q(('digest__regex', '^[0-9a-f]{64}$')), name='accounts_apitoken_digest_shape'), models.CheckConstraint(condition=models.Q(('expires_at', None), ('expires_at__gt', models.F('created_at')), _connector='OR'), name='accounts_apitoken_expires_after_it_is_made')],
            },
        ),
        migrations.CreateModel(
            name='RoleAcceptance',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('user', 'User'), ('artist', 'Artist'), ('model_owner', 'Model owner'), ('admin', 'Admin')], max_length=20)),
                ('text_version', models.CharField(max_length=40)),
                ('text', models.TextField()),
                ('accepted_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('ip_address', models.GenericIPAddressField(blank=True, null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='role_acceptances', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['accepted_at', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('person', 'role', 'text_version'), name='accounts_roleacceptance_once_a_version'), models.CheckConstraint(condition=models.Q(('role__in', ['artist', 'model_owner'])), name='accounts_roleacceptance_role_is_taken_on'), models.CheckConstraint(condition=models.Q(models.Q(('text', ''), _negated=True), models.Q(('text_version', ''), _negated=True)), name='accounts_roleacceptance_text_kept')],
            },
        ),
        LoadSql(
            'accounts_refuse_change', 'accounts_guard_apitoken',
        ),
    ]
