from django.apps import AppConfig


class StackConfig(AppConfig):
    name = "market.stack"
    label = "stack"
