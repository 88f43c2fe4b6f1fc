import datetime
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import localflavor.generic.models
import market.payments.models.payouts
import market.payments.models.top_ups
import uuid
from django.conf import settings
from django.db import migrations, models

from market.sql import LoadSql


class Migration(migrations.Migration):

    # The migrations of a database that was made before the first release.
    replaces = [
        ('payments', '0001_top_ups'),
        ('payments', '0002_asked_at'),
        ('payments', '0003_payouts'),
        ('payments', '0004_taken_back'),
        ('payments', '0005_payouts_through_stripe'),
        ('payments', '0006_withholding'),
    ]

    initial = True

    dependencies = [
        ('ledger', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OfflineCheckout',
            fields=[
                ('reference', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('amount', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('return_url', models.CharField(max_length=300)),
                ('state', models.CharField(choices=[('open', 'Open'), ('paid', 'Paid'), ('declined', 'Declined'), ('refunded', 'Refunded'), ('disputed', 'Charged back')], default='open', max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('taken_back', models.BigIntegerField(default=0, help_text='Of what was paid, in micro-units.')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['open', 'paid', 'declined', 'refunded', 'disputed'])), name='payments_offlinecheckout_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='payments_offlinecheckout_decided_has_its_time'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('refunded', 'disputed')), ('taken_back__gt', 0), ('taken_back__lte', models.F('amount'))), models.Q(models.Q(('state__in', ('refunded', 'disputed')), _negated=True), ('taken_back', 0)), _connector='OR'), name='payments_offlinecheckout_taken_back_fits_state')],
            },
        ),
        migrations.CreateModel(
            name='OfflineNotification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('event_id', models.CharField(max_length=60, unique=True)),
                ('body', models.TextField()),
                ('deliver_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('deliveries_left', models.PositiveSmallIntegerField(default=1)),
                ('checkout', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to='payments.offlinecheckout')),
            ],
            options={
                'ordering': ['deliver_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='PayoutBatch',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('draft', 'Waiting for approval'), ('approved', 'Approved, to be sent'), ('sent', 'Sent'), ('settled', 'Settled')], default='draft', max_length=10)),
                ('total', models.BigIntegerField(help_text='In micro-units.')),
                ('currency', models.CharField(default='EUR', max_length=3)),
                ('approvals_needed', models.PositiveSmallIntegerField(default=1)),
                ('pain', models.TextField(blank=True, help_text='The SEPA file (pain.001).')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'payout batches',
                'ordering': ['-created_at'],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['draft', 'approved', 'sent', 'settled'])), name='payments_payoutbatch_state_is_known'), models.CheckConstraint(condition=models.Q(('total__gt', 0)), name='payments_payoutbatch_total_above_zero'), models.CheckConstraint(condition=models.Q(('approvals_needed__gte', 1)), name='payments_payoutbatch_is_approved_by_somebody')],
            },
        ),
        migrations.CreateModel(
            name='Payout',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('amount', models.BigIntegerField(help_text='What is sent, in micro-units; whole cents.')),
                ('currency', models.CharField(default='EUR', max_length=3)),
                ('state', models.CharField(choices=[('requested', 'Asked for'), ('batched', 'Being prepared'), ('sent', 'Sent'), ('paid', 'Paid'), ('returned', 'Returned'), ('cancelled', 'Cancelled')], default='requested', max_length=10)),
                ('holder', models.CharField(max_length=70)),
                ('iban', localflavor.generic.models.IBANField(blank=True, help_text='Of an account in euros that takes SEPA transfers.', include_countries=None, max_length=34, use_nordea_extensions=False, verbose_name='IBAN')),
                ('bic', localflavor.generic.models.BICField(blank=True, help_text='Needed for some banks outside the European Economic Area.', max_length=11, validators=[django.core.validators.RegexValidator('\\A[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?\\Z', 'Not a BIC that the SEPA standard knows.')], verbose_name='BIC')),
                ('reason', models.CharField(blank=True, help_text='Why it was returned or cancelled.', max_length=200)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to=settings.AUTH_USER_MODEL)),
                ('transfer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='payout', to='ledger.transfer')),
                ('batch', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to='payments.payoutbatch')),
                ('stripe_account', models.CharField(blank=True, help_text='Instead of an IBAN: the number (acct_…) of your account at Stripe that is connected to this market.', max_length=70, validators=[django.core.validators.RegexValidator('\\Aacct_[A-Za-z0-9]{8,60}\\Z', "Expected the account's number at Stripe, such as acct_1Abc2Def3Ghi4Jkl.")], verbose_name='Stripe account')),
                ('stripe_transfer', models.CharField(blank=True, editable=False, help_text="The transfer's number at Stripe (tr_…).", max_length=70)),
                ('stripe_tried_at', models.DateTimeField(blank=True, editable=False, help_text='When Stripe was last asked to transfer it.', null=True)),
                ('withheld', models.BigIntegerField(default=0, help_text='Tax kept back beside it.')),
                ('withholding', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='payout_withheld_from', to='ledger.transfer')),
            ],
            options={
                'ordering': ['-created_at'],
                'indexes': [models.Index(fields=['person', '-created_at'], name='payments_payout_person'), models.Index(condition=models.Q(('state', 'sent'), models.Q(('stripe_account', ''), _negated=True)), fields=['created_at'], name='payments_payout_for_stripe')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['requested', 'batched', 'sent', 'paid', 'returned', 'cancelled'])), name='payments_payout_state_is_known'), models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='payments_payout_amount_above_zero'), models.CheckConstraint(condition=models.Q(('amount__gte', 10000), ('amount', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('amount'), '/', models.Value(10000)), '*', models.Value(10000)))), name='payments_payout_whole_cents'), models.CheckConstraint(condition=models.Q(models.Q(('batch__isnull', True), ('state__in', ('requested', 'cancelled'))), models.Q(('batch__isnull', False), ('state__in', ('batched', 'sent', 'paid', 'returned'))), _connector='OR'), name='payments_payout_batch_fits_state'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state__in', ('requested', 'batched', 'sent'))), models.Q(models.Q(('state__in', ('requested', 'batched', 'sent')), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='payments_payout_ended_has_its_time'), models.CheckConstraint(condition=models.Q(models.Q(('withheld', 0), ('withholding', None)), models.Q(('withheld__gt', 0), ('withholding__isnull', False)), _connector='OR'), name='payments_payout_withheld_has_its_transfer'), models.CheckConstraint(condition=models.Q(models.Q(models.Q(('iban', ''), _negated=True), ('stripe_account', '')), models.Q(('bic', ''), ('iban', ''), ('stripe_account__regex', '^acct_[A-Za-z0-9]{8,60}$')), _connector='OR'), name='payments_payout_one_place'), models.CheckConstraint(condition=models.Q(models.Q(('stripe_account', ''), ('stripe_transfer', ''), ('stripe_tried_at__isnull', True)), models.Q(models.Q(('stripe_account', ''), _negated=True), models.Q(models.Q(('state', 'paid'), _negated=True), models.Q(('stripe_transfer', ''), _negated=True), _connector='OR')), _connector='OR'), name='payments_payout_paid_by_its_stripe_transfer'), models.UniqueConstraint(condition=models.Q(('stripe_transfer', ''), _negated=True), fields=('stripe_transfer',), name='payments_payout_one_per_stripe_transfer')],
            },
        ),
        migrations.CreateModel(
            name='BatchApproval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('approved_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('admin', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('batch', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approvals', to='payments.payoutbatch')),
            ],
            options={
                'ordering': ['approved_at'],
                'constraints': [models.UniqueConstraint(fields=('batch', 'admin'), name='payments_batchapproval_once')],
            },
        ),
        migrations.CreateModel(
            name='PayoutDetails',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('holder', models.CharField(help_text='As the bank knows it. We check who it is.', max_length=70, validators=[market.payments.models.payouts.printable_name], verbose_name='name on the account')),
                ('iban', localflavor.generic.models.IBANField(blank=True, help_text='Of an account in euros that takes SEPA transfers.', include_countries=None, max_length=34, use_nordea_extensions=False, verbose_name='IBAN')),
                ('bic', localflavor.generic.models.BICField(blank=True, help_text='Needed for some banks outside the European Economic Area.', max_length=11, validators=[django.core.validators.RegexValidator('\\A[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?\\Z', 'Not a BIC that the SEPA standard knows.')], verbose_name='BIC')),
                ('schedule', models.CharField(choices=[('by_hand', 'When I ask for it'), ('monthly', 'At the beginning of each month')], default='by_hand', max_length=10)),
                ('verified_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('person', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='payout_details', to=settings.AUTH_USER_MODEL)),
                ('verified_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('stripe_account', models.CharField(blank=True, help_text='Instead of an IBAN: the number (acct_…) of your account at Stripe that is connected to this market.', max_length=70, validators=[django.core.validators.RegexValidator('\\Aacct_[A-Za-z0-9]{8,60}\\Z', "Expected the account's number at Stripe, such as acct_1Abc2Def3Ghi4Jkl.")], verbose_name='Stripe account')),
            ],
            options={
                'verbose_name_plural': 'payout details',
                'constraints': [models.CheckConstraint(condition=models.Q(('schedule__in', ['by_hand', 'monthly'])), name='payments_payoutdetails_schedule_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('verified_at__isnull', True), ('verified_by__isnull', True)), models.Q(('verified_at__isnull', False), ('verified_by__isnull', False)), _connector='OR'), name='payments_payoutdetails_verified_by_somebody'), models.CheckConstraint(condition=models.Q(('verified_by__isnull', True), models.Q(('verified_by', models.F('person')), _negated=True), _connector='OR'), name='payments_payoutdetails_not_verified_by_oneself'), models.CheckConstraint(condition=models.Q(models.Q(models.Q(('iban', ''), _negated=True), ('stripe_account', '')), models.Q(('bic', ''), ('iban', ''), ('stripe_account__regex', '^acct_[A-Za-z0-9]{8,60}$')), _connector='OR'), name='payments_payoutdetails_one_place')],
            },
        ),
        migrations.CreateModel(
            name='TopUp',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('amount', models.BigIntegerField(help_text='In micro-units.')),
                ('currency', models.CharField(default='EUR', max_length=3)),
                ('gateway', models.CharField(max_length=20)),
                ('gateway_reference', models.CharField(blank=True, max_length=200)),
                ('checkout_url', models.TextField(blank=True)),
                ('state', models.CharField(choices=[('pending', 'Waiting for the payment'), ('processing', 'Being paid'), ('paid', 'Paid'), ('failed', 'Not paid'), ('abandoned', 'Abandoned'), ('owed', 'Taken back, not returned yet'), ('returned', 'Taken back'), ('borne', 'Taken back, borne by the market')], default='pending', max_length=12)),
                ('next_url', models.CharField(blank=True, help_text='Where the person wanted to go on.', max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='top_ups', to=settings.AUTH_USER_MODEL)),
                ('transfer', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='top_up', to='ledger.transfer')),
                ('ask_at', models.DateTimeField(blank=True, default=market.payments.models.top_ups.first_asked, editable=False, help_text='When the market next asks the gateway of its own accord; empty when there is nothing more to learn.', null=True)),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('decision', models.CharField(blank=True, help_text='Why the market bears it.', max_length=200)),
                ('gateway_charge', models.CharField(blank=True, help_text='What the gateway calls the money itself, by which it speaks of refunds.', max_length=200)),
                ('reversal', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='returned_top_up', to='ledger.transfer')),
                ('taken_back', models.BigIntegerField(default=0, help_text='How much of it the gateway took back so far, in micro-units.')),
                ('taken_back_at', models.DateTimeField(blank=True, help_text='When the market heard of it.', null=True)),
                ('taken_back_by', models.CharField(blank=True, choices=[('refunded', 'Refunded'), ('disputed', 'Charged back')], max_length=10)),
            ],
            options={
                'ordering': ['-created_at'],
                'indexes': [models.Index(condition=models.Q(('ask_at__isnull', False)), fields=['ask_at'], name='payments_topup_to_ask'), models.Index(condition=models.Q(('state', 'owed')), fields=['taken_back_at'], name='payments_topup_owed')],
                'constraints': [models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='payments_topup_amount_above_zero'), models.CheckConstraint(condition=models.Q(('state__in', ['pending', 'processing', 'paid', 'failed', 'abandoned', 'owed', 'returned', 'borne'])), name='payments_topup_state_is_known'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('pending', 'processing', 'failed', 'abandoned')), ('transfer__isnull', True)), models.Q(models.Q(('state__in', ('pending', 'processing', 'failed', 'abandoned')), _negated=True), ('settled_at__isnull', False), ('transfer__isnull', False)), _connector='OR'), name='payments_topup_paid_has_its_transfer'), models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('owed', 'returned', 'borne')), ('taken_back__gt', 0), ('taken_back_at__isnull', False), ('taken_back_by__in', ['refunded', 'disputed'])), models.Q(models.Q(('state__in', ('owed', 'returned', 'borne')), _negated=True), ('taken_back', 0), ('taken_back_at__isnull', True), ('taken_back_by', '')), _connector='OR'), name='payments_topup_taken_back_says_how'), models.CheckConstraint(condition=models.Q(('taken_back__lte', models.F('amount'))), name='payments_topup_no_more_is_taken_back'), models.CheckConstraint(condition=models.Q(models.Q(('reversal__isnull', False), ('state', 'returned'), ('taken_back', models.F('amount'))), models.Q(models.Q(('state', 'returned'), _negated=True), ('reversal__isnull', True)), _connector='OR'), name='payments_topup_returned_has_its_reversal'), models.CheckConstraint(condition=models.Q(models.Q(('decided_by__isnull', False), ('state', 'borne'), models.Q(('decision', ''), _negated=True)), models.Q(models.Q(('state', 'borne'), _negated=True), ('decided_by__isnull', True), ('decision', '')), _connector='OR'), name='payments_topup_borne_by_a_decision'), models.CheckConstraint(condition=models.Q(('decided_by__isnull', True), models.Q(('decided_by', models.F('person')), _negated=True), _connector='OR'), name='payments_topup_not_decided_by_oneself'), models.UniqueConstraint(condition=models.Q(('gateway_reference', ''), _negated=True), fields=('gateway', 'gateway_reference'), name='payments_topup_one_per_gateway_reference'), models.UniqueConstraint(condition=models.Q(('gateway_charge', ''), _negated=True), fields=('gateway', 'gateway_charge'), name='payments_topup_one_per_gateway_charge')],
            },
        ),
        migrations.CreateModel(
            name='WebhookEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('gateway', models.CharField(max_length=20)),
                ('event_id', models.CharField(max_length=200)),
                ('body', models.JSONField()),
                ('outcome', models.CharField(blank=True, max_length=200)),
                ('deliveries', models.PositiveIntegerField(default=0)),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['-received_at'],
                'constraints': [models.UniqueConstraint(fields=('gateway', 'event_id'), name='payments_webhookevent_once')],
            },
        ),
        migrations.CreateModel(
            name='WithholdingRate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('basis_points', models.PositiveIntegerField(help_text='1500 is 15 %; 5000 is the highest.')),
                ('valid_from', models.DateTimeField(default=django.utils.timezone.now, help_text='Not in the past. In UTC.')),
                ('reason', models.CharField(help_text='Such as the treaty, or the certificate seen.', max_length=200)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('made_by', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='withholding_rates', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['person', '-valid_from'],
                'constraints': [models.UniqueConstraint(fields=('person', 'valid_from'), name='payments_withholdingrate_one_at_a_time'), models.CheckConstraint(condition=models.Q(('basis_points__lte', 5000)), name='payments_withholdingrate_at_most_half'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='payments_withholdingrate_has_a_reason'), models.CheckConstraint(condition=models.Q(('made_by', models.F('person')), _negated=True), name='payments_withholdingrate_not_set_by_oneself'), models.CheckConstraint(condition=models.Q(('valid_from__gte', django.db.models.expressions.CombinedExpression(models.F('made_at'), '-', models.Value(datetime.timedelta(seconds=600))))), name='payments_withholdingrate_not_for_the_past')],
            },
        ),
        LoadSql(
            'payments_refuse_change',
        ),
    ]
