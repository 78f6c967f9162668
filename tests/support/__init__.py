"""What tests of several rooms share: servers, programs and schemas to test against."""
