import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('takedowns', '0001_takedowns'),
        ('takedowns', '0002_guards'),
    ]

    initial = True

    dependencies = [
        ('catalog', '0001_initial'),
        ('claims', '0001_initial'),
        ('generation', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Takedown',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('ground', models.CharField(choices=[('claim', 'An accepted claim'), ('notice', "A notice that somebody's rights are infringed"), ('court', "A court's order"), ('rules', "The market's own rules")], max_length=10)),
                ('reason', models.TextField(help_text='For both sides to read.', max_length=4000)),
                ('opened_dispute', models.BooleanField(default=False, editable=False, help_text='Whether the dispute was opened for it, and ends with it.')),
                ('hides_pictures', models.BooleanField(default=False, help_text='All that the plug-in drew is hidden, too.')),
                ('state', models.CharField(choices=[('in_force', 'Taken down'), ('countered', 'Counter-notice sent'), ('in_court', 'In court'), ('restored', 'Restored')], default='in_force', max_length=10)),
                ('taken_down_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('upheld_at', models.DateTimeField(blank=True, editable=False, help_text='From then on it counts as a strike, until it is restored.', null=True)),
                ('counter_reason', models.TextField(blank=True, max_length=4000)),
                ('restore_at', models.DateTimeField(blank=True, editable=False, help_text='When it is undone, unless the claimant goes to court.', null=True)),
                ('court_action', models.TextField(blank=True, help_text='Which court, and under what number.', max_length=4000)),
                ('restored_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('restored_because', models.TextField(blank=True, max_length=4000)),
                ('claim', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='takedowns', to='claims.claim')),
                ('complainant', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='takedowns_asked_for', to=settings.AUTH_USER_MODEL)),
                ('counter_notice', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='takedown', to='claims.counternotice')),
                ('dispute', models.ForeignKey(blank=True, help_text="What holds the plug-in's earnings in escrow.", null=True, on_delete=django.db.models.deletion.PROTECT, related_name='takedowns', to='claims.dispute')),
                ('person', models.ForeignKey(help_text='Whose it was when it was taken down.', on_delete=django.db.models.deletion.PROTECT, related_name='takedowns', to=settings.AUTH_USER_MODEL)),
                ('picture', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='takedowns', to='generation.picture')),
                ('plugin', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='takedowns', to='catalog.plugin')),
                ('restored_by', models.ForeignKey(blank=True, help_text='Empty: the waiting period after the counter-notice was over.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('taken_down_by', models.ForeignKey(help_text='Or who accepted the claim.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-taken_down_at', '-pk'],
                'indexes': [models.Index(fields=['state', 'restore_at'], name='takedowns_due')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('picture', None), ('plugin__isnull', False)), models.Q(('picture__isnull', False), ('plugin', None)), _connector='OR'), name='takedowns_about_one_thing'), models.CheckConstraint(condition=models.Q(('state__in', ['in_force', 'countered', 'in_court', 'restored']), ('ground__in', ['claim', 'notice', 'court', 'rules'])), name='takedowns_state_and_ground_known'), models.CheckConstraint(condition=models.Q(models.Q(('claim__isnull', False), ('ground', 'claim'), ('plugin__isnull', False)), models.Q(models.Q(('ground', 'claim'), _negated=True), ('claim', None)), _connector='OR'), name='takedowns_claim_is_named'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='takedowns_says_why'), models.CheckConstraint(condition=models.Q(('picture', None), models.Q(('dispute', None), ('hides_pictures', False), ('upheld_at', None)), _connector='OR'), name='takedowns_picture_earns_nothing_and_is_no_strike'), models.CheckConstraint(condition=models.Q(('upheld_at', None), ('ground__in', ('claim', 'notice', 'court')), _connector='OR'), name='takedowns_strike_is_an_infringement'), models.CheckConstraint(condition=models.Q(('dispute__isnull', False), ('opened_dispute', False), _connector='OR'), name='takedowns_opened_its_dispute'), models.CheckConstraint(condition=models.Q(models.Q(('counter_notice__isnull', False), ('restore_at__isnull', False), ('state', 'countered')), models.Q(models.Q(('state', 'countered'), _negated=True), ('restore_at', None)), _connector='OR'), name='takedowns_waits_after_a_counter_notice'), models.CheckConstraint(condition=models.Q(models.Q(('counter_notice', None), ('counter_reason', '')), models.Q(('counter_notice__isnull', False), ('ground__in', ('claim', 'notice')), models.Q(('counter_reason', ''), _negated=True)), _connector='OR'), name='takedowns_countered_with_a_reason'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'in_court'), _negated=True), models.Q(('court_action', ''), _negated=True), _connector='OR'), name='takedowns_court_is_named'), models.CheckConstraint(condition=models.Q(models.Q(('restored_at__isnull', False), ('state', 'restored'), models.Q(('restored_because', ''), _negated=True)), models.Q(models.Q(('state', 'restored'), _negated=True), ('restored_at', None), ('restored_because', ''), ('restored_by', None)), _connector='OR'), name='takedowns_restored_with_a_reason'), models.UniqueConstraint(condition=models.Q(('plugin__isnull', False), models.Q(('state', 'restored'), _negated=True)), fields=('plugin', 'claim'), name='takedowns_one_open_a_plugin_and_claim', nulls_distinct=False), models.UniqueConstraint(condition=models.Q(('picture__isnull', False), models.Q(('state', 'restored'), _negated=True)), fields=('picture',), name='takedowns_one_open_a_picture')],
            },
        ),
        migrations.CreateModel(
            name='TakedownStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('taken_down', 'Taken down'), ('pictures_hidden', 'Its pictures hidden, too'), ('countered', 'Counter-notice sent'), ('in_court', 'Action in court reported'), ('upheld', 'Upheld'), ('strike', 'Counted as a strike'), ('restored', 'Restored'), ('strike_withdrawn', 'Strike withdrawn')], max_length=16)),
                ('note', models.TextField(blank=True)),
                ('at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('takedown', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='takedowns.takedown')),
            ],
            options={
                'ordering': ['pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['taken_down', 'pictures_hidden', 'countered', 'in_court', 'upheld', 'strike', 'restored', 'strike_withdrawn'])), name='takedowns_step_kind_known')],
            },
        ),
        LoadSql(
            'takedowns_refuse_change', 'takedowns_keep_what_was_said', 'takedowns_check_plugin', 'takedowns_check_takedown',
            'takedowns_check_flag',
        ),
    ]
