import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import market.basemodels.models.uploads
import uuid
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('basemodels', '0001_bases'),
        ('basemodels', '0002_owners_bases'),
        ('basemodels', '0003_guards'),
        ('basemodels', '0004_other_uploads'),
        ('basemodels', '0005_other_uploads_guards'),
    ]

    initial = True

    dependencies = [
        ('jobs', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BaseUpload',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('list_sha256', models.CharField(help_text='Of the paths, sizes and hashes of its files.', max_length=64)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('touched_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='base_uploads', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'upload of a base model',
                'verbose_name_plural': 'uploads of base models',
                'ordering': ['-started_at'],
                'constraints': [models.UniqueConstraint(fields=('owner', 'list_sha256'), name='basemodels_baseupload_list_once_a_person'), models.CheckConstraint(condition=models.Q(('list_sha256__regex', '^[0-9a-f]{64}$')), name='basemodels_baseupload_list_sha256_shape')],
            },
        ),
        migrations.CreateModel(
            name='BaseModel',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(error_messages={'unique': 'Another base model has this address. Choose another one.'}, help_text='Its public address: bases/address/', max_length=60, unique=True)),
                ('name', models.CharField(max_length=100)),
                ('description', models.TextField(blank=True, max_length=4000)),
                ('source', models.CharField(blank=True, help_text='Diffusers directory on the workers, or hub:NAME@COMMIT. Empty: the embedded base model.', max_length=500)),
                ('fingerprint', models.CharField(blank=True, help_text='Identifies the weights. A plug-in fits one fingerprint.', max_length=64)),
                ('architecture', models.CharField(blank=True, max_length=60)),
                ('resolution', models.PositiveIntegerField(default=0, help_text='Side of a picture, in pixels.')),
                ('fee_micros', models.BigIntegerField(default=0, help_text="Micro-euros, paid to the model's owner for every picture.", validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100000000)], verbose_name='fee per picture')),
                ('default_steps', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(200)])),
                ('default_guidance', models.FloatField(default=3.0, validators=[django.core.validators.MinValueValidator(0.0), django.core.validators.MaxValueValidator(30.0)])),
                ('example_subjects', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, help_text='Subjects the model knows, for samples and hints: “a fox”.', size=None)),
                ('example_styles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, help_text='Styles the model knows by itself.', size=None)),
                ('listed', models.BooleanField(default=False, help_text='Shown, and open to additions and generation.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='base_models', to=settings.AUTH_USER_MODEL)),
                ('check_job', models.ForeignKey(blank=True, help_text='The latest job that checks, or checked, its weights.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='jobs.job')),
                ('licence', models.CharField(blank=True, choices=[('Apache-2.0', 'Apache 2.0'), ('MIT', 'MIT'), ('CC0-1.0', 'CC0 1.0'), ('CC-BY-4.0', 'CC BY 4.0'), ('CC-BY-SA-4.0', 'CC BY-SA 4.0'), ('CC-BY-NC-4.0', 'CC BY-NC 4.0'), ('LicenseRef-CreativeML-OpenRAIL-M', 'CreativeML Open RAIL-M'), ('LicenseRef-CreativeML-OpenRAIL++-M', 'CreativeML Open RAIL++-M'), ('LicenseRef-Other', 'Another, as said below')], help_text='What others may do with the weights. Of the pictures, the licences of plug-ins speak.', max_length=60)),
                ('licence_text', models.TextField(blank=True, max_length=40000, verbose_name='text of the licence')),
                ('licence_url', models.CharField(blank=True, help_text='Where its text can be read.', max_length=300, validators=[django.core.validators.URLValidator(['https', 'http'])], verbose_name='address of the licence')),
                ('max_pictures', models.PositiveSmallIntegerField(blank=True, help_text='Empty: as many as the market allows.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='most pictures a request')),
                ('max_steps', models.PositiveSmallIntegerField(blank=True, help_text='Of one picture. Empty: as many as the market allows.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(200)], verbose_name='most steps')),
                ('max_waiting', models.PositiveIntegerField(blank=True, help_text='Of all people together; further ones are refused until one is done. Empty: no limit.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)], verbose_name='most unfinished requests')),
                ('upload', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='base', to='basemodels.baseupload')),
                ('next_upload', models.OneToOneField(blank=True, help_text='Another upload whose weights are to follow, once they are checked and its owner confirms them.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='next_base', to='basemodels.baseupload')),
            ],
            options={
                'ordering': ['name', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('fee_micros__gte', 0), ('fee_micros__lte', 100000000)), name='basemodels_basemodel_fee_in_range'), models.CheckConstraint(condition=models.Q(('fingerprint__regex', '^[0-9a-f]{64}$'), models.Q(('fingerprint', ''), ('listed', False)), _connector='OR'), name='basemodels_basemodel_fingerprint_shape'), models.UniqueConstraint(condition=models.Q(('fingerprint', ''), _negated=True), fields=('fingerprint',), name='basemodels_basemodel_weights_once'), models.CheckConstraint(condition=models.Q(('resolution__gte', 16), ('fingerprint', ''), _connector='OR'), name='basemodels_basemodel_resolution_in_range'), models.CheckConstraint(condition=models.Q(('source', ''), ('upload__isnull', True), _connector='OR'), name='basemodels_basemodel_one_source'), models.CheckConstraint(condition=models.Q(('next_upload__isnull', True), models.Q(('upload__isnull', False), models.Q(('next_upload', models.F('upload')), _negated=True), models.Q(('fingerprint', ''), _negated=True)), _connector='OR'), name='basemodels_basemodel_next_upload_follows_another'), models.CheckConstraint(condition=models.Q(('max_steps__isnull', True), models.Q(('max_steps__gte', models.F('default_steps')), ('max_steps__lte', 200)), _connector='OR'), name='basemodels_basemodel_max_steps_in_range', violation_error_message='The steps to begin with cannot be more than the most steps.'), models.CheckConstraint(condition=models.Q(('max_pictures__isnull', True), models.Q(('max_pictures__gte', 1), ('max_pictures__lte', 100)), _connector='OR'), name='basemodels_basemodel_max_pictures_in_range'), models.CheckConstraint(condition=models.Q(('max_waiting__isnull', True), models.Q(('max_waiting__gte', 1), ('max_waiting__lte', 100000)), _connector='OR'), name='basemodels_basemodel_max_waiting_in_range'), models.CheckConstraint(condition=models.Q(('licence', ''), ('licence__in', ['Apache-2.0', 'MIT', 'CC0-1.0', 'CC-BY-4.0', 'CC-BY-SA-4.0', 'CC-BY-NC-4.0', 'LicenseRef-CreativeML-OpenRAIL-M', 'LicenseRef-CreativeML-OpenRAIL++-M', 'LicenseRef-Other']), _connector='OR'), name='basemodels_basemodel_licence_known'), models.CheckConstraint(condition=models.Q(models.Q(('licence', 'LicenseRef-Other'), _negated=True), models.Q(('licence_text', ''), ('licence_url', ''), _negated=True), _connector='OR'), name='basemodels_basemodel_other_licence_is_said', violation_error_message='Give the address or the text of the licence.'), models.CheckConstraint(condition=models.Q(('default_steps__gte', 1), ('default_steps__lte', 200)), name='basemodels_basemodel_steps_in_range'), models.CheckConstraint(condition=models.Q(('default_guidance__gte', 0.0), ('default_guidance__lte', 30.0)), name='basemodels_basemodel_guidance_in_range')],
            },
        ),
        migrations.CreateModel(
            name='BaseCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fingerprint', models.CharField(max_length=64)),
                ('architecture', models.CharField(max_length=60)),
                ('resolution', models.PositiveIntegerField()),
                ('memory_needed', models.BigIntegerField(help_text='Bytes, estimated before loading.')),
                ('memory_there', models.BigIntegerField(help_text='Bytes that were free on the worker.')),
                ('device', models.CharField(max_length=40)),
                ('card', models.JSONField(blank=True, default=dict, help_text='Its card.json, as it was then.')),
                ('checked_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('base', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='checks', to='basemodels.basemodel')),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='base_check', to='jobs.job')),
            ],
            options={
                'verbose_name': 'check of a base model',
                'verbose_name_plural': 'checks of base models',
                'ordering': ['-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('fingerprint__regex', '^[0-9a-f]{64}$')), name='basemodels_basecheck_fingerprint_shape'), models.CheckConstraint(condition=models.Q(('resolution__gte', 16)), name='basemodels_basecheck_resolution_in_range'), models.CheckConstraint(condition=models.Q(('memory_needed__gte', 1), ('memory_needed__lte', models.F('memory_there'))), name='basemodels_basecheck_fits_in_memory')],
            },
        ),
        migrations.CreateModel(
            name='BaseSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('prompt', models.CharField(max_length=500)),
                ('seed', models.BigIntegerField()),
                ('file', models.FileField(max_length=200, upload_to='bases/samples')),
                ('width', models.PositiveIntegerField()),
                ('height', models.PositiveIntegerField()),
                ('check_of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='samples', to='basemodels.basecheck')),
            ],
            options={
                'verbose_name': 'sample of a base model',
                'verbose_name_plural': 'samples of base models',
                'ordering': ['check_of', 'position'],
                'constraints': [models.UniqueConstraint(fields=('check_of', 'position'), name='basemodels_basesample_position_once'), models.CheckConstraint(condition=models.Q(('height__gte', 1), ('width__gte', 1)), name='basemodels_basesample_has_pixels')],
            },
        ),
        migrations.CreateModel(
            name='BaseRelease',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('fingerprint', models.CharField(max_length=64)),
                ('is_default', models.BooleanField(default=False)),
                ('notes', models.TextField(blank=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('base', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='basemodels.basemodel')),
                ('upload', models.ForeignKey(blank=True, editable=False, help_text='Where its weights are, if they were uploaded. Never changed.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='releases', to='basemodels.baseupload')),
            ],
            options={
                'ordering': ['base', 'number'],
                'constraints': [models.UniqueConstraint(fields=('base', 'number'), name='basemodels_baserelease_number_once'), models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('base',), name='basemodels_baserelease_one_default'), models.CheckConstraint(condition=models.Q(('number__gte', 1)), name='basemodels_baserelease_numbered_from_one'), models.CheckConstraint(condition=models.Q(('fingerprint__regex', '^[0-9a-f]{64}$')), name='basemodels_baserelease_fingerprint_shape')],
            },
        ),
        migrations.CreateModel(
            name='BaseUploadFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('path', models.CharField(max_length=160)),
                ('size', models.BigIntegerField()),
                ('sha256', models.CharField(max_length=64)),
                ('parts', models.PositiveIntegerField(default=0)),
                ('complete', models.BooleanField(default=False, help_text='All parts are there and have the announced hash.')),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='basemodels.baseupload')),
            ],
            options={
                'verbose_name': 'file of an upload',
                'verbose_name_plural': 'files of uploads',
                'ordering': ['upload', 'position'],
                'constraints': [models.UniqueConstraint(fields=('upload', 'position'), name='basemodels_baseuploadfile_position_once'), models.UniqueConstraint(fields=('upload', 'path'), name='basemodels_baseuploadfile_path_once'), models.CheckConstraint(condition=models.Q(('path__regex', '^((unet|vae|text_encoder|text_encoder_2|tokenizer|tokenizer_2|scheduler)/[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}|model_index|card|prompts)\\.(safetensors|json|txt)$')), name='basemodels_baseuploadfile_path_allowed'), models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='basemodels_baseuploadfile_sha256_shape'), models.CheckConstraint(condition=models.Q(('size__gte', 1)), name='basemodels_baseuploadfile_size_positive'), models.CheckConstraint(condition=models.Q(('complete', False), ('size__lte', django.db.models.expressions.CombinedExpression(models.F('parts'), '*', models.Value(8388608))), _connector='OR'), name='basemodels_baseuploadfile_complete_with_all_parts')],
            },
        ),
        migrations.CreateModel(
            name='BaseUploadPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='From 0.')),
                ('sha256', models.CharField(max_length=64)),
                ('content', models.FileField(max_length=200, upload_to=market.basemodels.models.uploads.place_of_part)),
                ('file', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='arrived', to='basemodels.baseuploadfile')),
            ],
            options={
                'verbose_name': 'part of an upload',
                'verbose_name_plural': 'parts of uploads',
                'ordering': ['file', 'number'],
                'constraints': [models.UniqueConstraint(fields=('file', 'number'), name='basemodels_baseuploadpart_number_once'), models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='basemodels_baseuploadpart_sha256_shape')],
            },
        ),
        LoadSql(
            'basemodels_refuse_change', 'basemodels_keep_release',
        ),
    ]
