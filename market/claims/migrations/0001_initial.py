import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
import market.claims.models.evidence
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('claims', '0001_disputes'),
        ('claims', '0002_claims'),
        ('claims', '0002_freezes_given_back'),
        ('claims', '0003_claim_guards'),
        ('claims', '0004_disputes_of_takedowns'),
    ]

    initial = True

    dependencies = [
        ('basemodels', '0001_initial'),
        ('catalog', '0001_initial'),
        ('jobs', '0001_initial'),
        ('ledger', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CounterNotice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('signature', models.CharField(help_text='The full name, typed in place of a signature.', max_length=120)),
                ('address', models.TextField(max_length=500)),
                ('telephone', models.CharField(max_length=40)),
                ('email', models.EmailField(max_length=254)),
                ('material', models.TextField(help_text='What it is about, and where it is found.', max_length=4000)),
                ('statements', models.TextField(help_text='What was agreed to, word for word.')),
                ('signed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('mistaken_under_perjury', models.BooleanField()),
                ('consents_to_jurisdiction', models.BooleanField()),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'counter-notice',
                'constraints': [models.CheckConstraint(condition=models.Q(('consents_to_jurisdiction', True), ('mistaken_under_perjury', True)), name='claims_counternotice_both_statements_made'), models.CheckConstraint(condition=models.Q(models.Q(('signature', ''), _negated=True), models.Q(('address', ''), _negated=True), models.Q(('telephone', ''), _negated=True), models.Q(('email', ''), _negated=True), models.Q(('material', ''), _negated=True), models.Q(('statements', ''), _negated=True)), name='claims_counternotice_is_complete')],
            },
        ),
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField(max_length=4000)),
                ('state', models.CharField(choices=[('filed', 'Filed'), ('open', 'Open'), ('dismissed', 'Dismissed'), ('released', 'Decided for the artist'), ('awarded', 'Decided for the claimant'), ('refunded', 'Given back to those who paid')], default='filed', max_length=10)),
                ('filed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('opened_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('accrued_from', models.DateTimeField(blank=True, help_text='What the plug-in earned from then on is disputed.', null=True)),
                ('frozen_once', models.BooleanField(default=False, editable=False, help_text='Whether what was earned before is in escrow.')),
                ('decided_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('decision', models.TextField(blank=True, help_text='Why it was decided so.', max_length=4000)),
                ('settled_at', models.DateTimeField(blank=True, editable=False, help_text='When nothing was left in escrow.', null=True)),
                ('claimant', models.ForeignKey(blank=True, help_text='Empty: opened by a takedown that nobody with an account here asked for.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='disputes_filed', to=settings.AUTH_USER_MODEL)),
                ('decided_by', models.ForeignKey(blank=True, help_text='Empty: by the rule that ends a takedown.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opened_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('plugin', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='catalog.plugin')),
            ],
            options={
                'ordering': ['-filed_at', '-pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['filed', 'open', 'dismissed', 'released', 'awarded', 'refunded'])), name='claims_dispute_state_known'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='claims_dispute_has_a_reason'), models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('plugin',), name='claims_dispute_one_open_a_plugin'), models.UniqueConstraint(condition=models.Q(('state', 'filed')), fields=('plugin', 'claimant'), name='claims_dispute_filed_once_a_person'), models.CheckConstraint(condition=models.Q(models.Q(('accrued_from', None), ('opened_at', None), ('opened_by', None), ('state__in', ['filed', 'dismissed'])), models.Q(('accrued_from__isnull', False), ('opened_at__isnull', False), ('opened_by__isnull', False), models.Q(('state__in', ['filed', 'dismissed']), _negated=True)), _connector='OR'), name='claims_dispute_opened_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('decision', ''), ('state__in', ['filed', 'open'])), models.Q(('decided_at__isnull', False), models.Q(('decision', ''), _negated=True), models.Q(('state__in', ['filed', 'open']), _negated=True)), _connector='OR'), name='claims_dispute_decided_with_a_reason'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'awarded'), _negated=True), ('claimant__isnull', False), _connector='OR'), name='claims_dispute_awarded_to_somebody')],
            },
        ),
        migrations.CreateModel(
            name='EvidenceReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('content', models.TextField()),
                ('sha256', models.CharField(max_length=64)),
                ('signed_note', models.TextField()),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='evidence_report', to='jobs.job')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('sha256__regex', '^[0-9a-f]{64}$')), name='claims_evidencereport_sha256_shape'), models.CheckConstraint(condition=models.Q(models.Q(('content', ''), _negated=True), models.Q(('signed_note', ''), _negated=True)), name='claims_evidencereport_is_signed')],
            },
        ),
        migrations.CreateModel(
            name='Freeze',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(max_length=200)),
                ('amount', models.BigIntegerField(help_text='Micro-units; below zero, what went back to the earnings.')),
                ('at_opening', models.BooleanField(help_text='Of what was earned before the dispute was opened.')),
                ('dispute', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='freezes', to='claims.dispute')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('transfer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.transfer')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='claims_freeze_amount_not_zero')],
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('signature', models.CharField(help_text='The full name, typed in place of a signature.', max_length=120)),
                ('address', models.TextField(max_length=500)),
                ('telephone', models.CharField(max_length=40)),
                ('email', models.EmailField(max_length=254)),
                ('material', models.TextField(help_text='What it is about, and where it is found.', max_length=4000)),
                ('statements', models.TextField(help_text='What was agreed to, word for word.')),
                ('signed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('works', models.TextField(help_text='Which works are meant.', max_length=4000)),
                ('in_good_faith', models.BooleanField()),
                ('accurate_under_perjury', models.BooleanField()),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('accurate_under_perjury', True), ('in_good_faith', True)), name='claims_notice_both_statements_made'), models.CheckConstraint(condition=models.Q(models.Q(('signature', ''), _negated=True), models.Q(('address', ''), _negated=True), models.Q(('telephone', ''), _negated=True), models.Q(('email', ''), _negated=True), models.Q(('material', ''), _negated=True), models.Q(('works', ''), _negated=True), models.Q(('statements', ''), _negated=True)), name='claims_notice_is_complete')],
            },
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('submitted', 'Submitted'), ('evidence_ready', 'Evidence ready'), ('accepted', 'Accepted'), ('rejected', 'Rejected'), ('appealed', 'Appealed'), ('withdrawn', 'Withdrawn')], default='draft', max_length=16)),
                ('prompts', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=300), blank=True, default=list, size=None)),
                ('rights', models.TextField(blank=True, max_length=4000)),
                ('controls_by_market', models.BooleanField(default=False, help_text='The claimant has no controls, or too few: an admin adds some.')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('submitted_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('waiting_since', models.DateTimeField(blank=True, editable=False, help_text='When the time for an answer, or an appeal, began.', null=True)),
                ('due_at', models.DateTimeField(blank=True, editable=False, help_text='When that time ends.', null=True)),
                ('reminders', models.PositiveSmallIntegerField(default=0, editable=False, help_text='Sent for that time.')),
                ('escalated_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('decided_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('decision', models.TextField(blank=True, help_text='Why it was answered so.', max_length=4000)),
                ('appealed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('appeal', models.TextField(blank=True, max_length=4000)),
                ('base', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='claims', to='basemodels.basemodel')),
                ('claimant', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claims', to=settings.AUTH_USER_MODEL)),
                ('concept', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claims', to='catalog.concept')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.ForeignKey(blank=True, help_text='The latest that makes, or made, the evidence.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='jobs.job')),
                ('plugin', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='claims', to='catalog.plugin')),
                ('counter_notice', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='claim', to='claims.counternotice')),
                ('evidence', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='claim', to='claims.evidencereport')),
                ('notice', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='claim', to='claims.notice')),
            ],
            options={
                'ordering': ['-created_at', '-pk'],
                'indexes': [models.Index(fields=['state', 'due_at'], name='claims_claim_due')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'submitted', 'evidence_ready', 'accepted', 'rejected', 'appealed', 'withdrawn'])), name='claims_claim_state_known'), models.CheckConstraint(condition=models.Q(models.Q(('base__isnull', False), ('plugin__isnull', True)), models.Q(('base__isnull', True), ('plugin__isnull', False)), _connector='OR'), name='claims_claim_about_one_thing'), models.CheckConstraint(condition=models.Q(('prompts__len__lte', 12)), name='claims_claim_prompts_in_number'), models.CheckConstraint(condition=models.Q(models.Q(('notice', None), ('state', 'draft'), ('submitted_at', None)), ('state', 'withdrawn'), models.Q(('notice__isnull', False), ('prompts__len__gte', 1), ('submitted_at__isnull', False), models.Q(('rights', ''), _negated=True), models.Q(('state', 'draft'), _negated=True)), _connector='OR'), name='claims_claim_submitted_whole'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'evidence_ready'), _negated=True), ('evidence__isnull', False), _connector='OR'), name='claims_claim_evidence_is_there'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('decided_by', None), ('decision', ''), ('state__in', ('draft', 'submitted', 'evidence_ready'))), ('state', 'withdrawn'), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False), models.Q(('state__in', ('draft', 'submitted', 'evidence_ready')), _negated=True), models.Q(('state', 'accepted'), models.Q(('decision', ''), _negated=True), _connector='OR')), _connector='OR'), name='claims_claim_answered_by_somebody'), models.CheckConstraint(condition=models.Q(models.Q(('appeal', ''), ('appealed_at', None), models.Q(('state', 'appealed'), _negated=True)), models.Q(('appealed_at__isnull', False), models.Q(('appeal', ''), _negated=True), models.Q(('state__in', ('draft', 'submitted', 'evidence_ready')), _negated=True)), _connector='OR'), name='claims_claim_appealed_with_a_reason'), models.CheckConstraint(condition=models.Q(models.Q(('due_at', None), ('reminders', 0), ('waiting_since', None)), models.Q(('due_at__gt', models.F('waiting_since')), ('reminders__lte', 2), ('state__in', ['evidence_ready', 'rejected'])), _connector='OR'), name='claims_claim_due_while_somebody_has_to_act'), models.CheckConstraint(condition=models.Q(('counter_notice', None), models.Q(('state__in', ('draft', 'submitted', 'evidence_ready')), _negated=True), _connector='OR'), name='claims_claim_counter_notice_answers'), models.UniqueConstraint(condition=models.Q(('state__in', ('draft', 'submitted', 'evidence_ready', 'appealed'))), fields=('concept', 'base'), name='claims_claim_one_live_a_concept_and_base'), models.UniqueConstraint(condition=models.Q(('state__in', ('draft', 'submitted', 'evidence_ready', 'appealed'))), fields=('concept', 'plugin'), name='claims_claim_one_live_a_concept_and_plugin')],
            },
        ),
        migrations.CreateModel(
            name='ClaimPicture',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('sort', models.CharField(choices=[('work', 'Work'), ('control', 'Control')], max_length=8)),
                ('caption', models.CharField(max_length=200)),
                ('file', models.FileField(max_length=200, upload_to=market.claims.models.evidence.picture_path)),
                ('thumbnail', models.FileField(max_length=200, upload_to=market.claims.models.evidence.picture_path)),
                ('content_type', models.CharField(max_length=40)),
                ('pixels_sha256', models.CharField(max_length=64)),
                ('added_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('added_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('claim', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pictures', to='claims.claim')),
                ('work', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='catalog.work')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.UniqueConstraint(fields=('claim', 'pixels_sha256'), name='claims_claimpicture_once_a_claim'), models.CheckConstraint(condition=models.Q(('sort__in', ['work', 'control'])), name='claims_claimpicture_sort_known'), models.CheckConstraint(condition=models.Q(('caption', ''), _negated=True), name='claims_claimpicture_has_a_caption'), models.CheckConstraint(condition=models.Q(('pixels_sha256__regex', '^[0-9a-f]{64}$')), name='claims_claimpicture_pixels_sha256_shape')],
            },
        ),
        migrations.CreateModel(
            name='ClaimStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('drafted', 'Draft begun'), ('submitted', 'Submitted'), ('measuring', 'Evidence asked for'), ('measuring_failed', 'Evidence not made'), ('evidence_ready', 'Evidence ready'), ('accepted', 'Accepted'), ('rejected', 'Rejected'), ('appealed', 'Appealed'), ('withdrawn', 'Withdrawn'), ('reminded', 'Reminded of the deadline'), ('escalated', 'Passed on to the admins: no answer in time')], max_length=16)),
                ('note', models.TextField(blank=True)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('claim', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='claims.claim')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['drafted', 'submitted', 'measuring', 'measuring_failed', 'evidence_ready', 'accepted', 'rejected', 'appealed', 'withdrawn', 'reminded', 'escalated'])), name='claims_claimstep_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='EvidencePair',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('distance', models.FloatField(help_text='0 to 1.')),
                ('prompt', models.CharField(max_length=500)),
                ('seed', models.BigIntegerField()),
                ('drawing', models.FileField(max_length=200, upload_to=market.claims.models.evidence.drawing_path)),
                ('drawing_sha256', models.CharField(max_length=64)),
                ('picture', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pairs', to='claims.claimpicture')),
                ('report', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pairs', to='claims.evidencereport')),
            ],
            options={
                'ordering': ['distance', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('report', 'picture'), name='claims_evidencepair_once_a_report'), models.CheckConstraint(condition=models.Q(('distance__gte', 0), ('distance__lte', 1)), name='claims_evidencepair_distance_in_range')],
            },
        ),
        migrations.CreateModel(
            name='ClaimMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=4000)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('claim', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='claims.claim')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('text__regex', '\\S'), django.db.models.lookups.LessThanOrEqual(django.db.models.functions.text.Length('text'), 4000)), name='claims_claimmessage_says_something_short')],
            },
        ),
        # A claim is about a concept of the claimant.
        migrations.RunSQL("""
ALTER TABLE claims_claim
    ADD CONSTRAINT claims_claim_concept_is_the_claimants
    FOREIGN KEY (concept_id, claimant_id) REFERENCES catalog_concept (id, artist_id);
"""),
        LoadSql(
            'claims_refuse_change', 'claims_check_picture',
        ),
    ]
