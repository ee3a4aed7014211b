"""Reports about mail we sent: bounces, read receipts, complaints."""
