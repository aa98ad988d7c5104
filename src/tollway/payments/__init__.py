"""The adapter that speaks to the payment provider: Stripe, through its own package. Nothing else imports that."""
