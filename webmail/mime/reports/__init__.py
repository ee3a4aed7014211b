"""Reports about mail we sent: delivery reports and bounces, read receipts, complaints. Pure: bytes in, values out."""
