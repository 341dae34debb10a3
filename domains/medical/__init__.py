"""CT images, reports and clinical columns to a diagnosis. Research use; not a medical device."""
