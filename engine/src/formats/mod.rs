//! Record bytes to and from columns.
