//! Bytes of record batches (v2): header view, record iterator, builder, codecs.
