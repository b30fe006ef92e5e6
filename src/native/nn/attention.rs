//! Multi-head attention with separate projections, shared by towers and decoders.

use mlx_rs::{
    Array,
    error::Exception,
    fast::{self, ScaledDotProductAttentionMask},
};

use super::product::product;

/// Splits `x` `[batch, n, heads · head_dim]` into heads: `[batch, heads, n, head_dim]`.
///
/// # Errors
/// When MLX refuses the operation.
pub fn split_heads(x: &Array, heads: i32) -> Result<Array, Exception> {
    let (batch, n, width) = (x.dim(0), x.dim(1), x.dim(2));
    x.reshape(&[batch, n, heads, width / heads])?.transpose_axes(&[0, 2, 1, 3])
}

/// The reverse of [`split_heads`].
///
/// # Errors
/// When MLX refuses the operation.
pub fn merge_heads(x: &Array) -> Result<Array, Exception> {
    let (batch, heads, n, head_dim) = (x.dim(0), x.dim(1), x.dim(2), x.dim(3));
    x.transpose_axes(&[0, 2, 1, 3])?.reshape(&[batch, n, heads * head_dim])
}

/// `softmax(Q Kᵀ / √head_dim) V` for `[batch, heads, n, head_dim]` queries and
/// `[batch, kv_heads, m, head_dim]` keys and values; `causal` lets query i see
/// keys up to m − n + i.
///
/// # Errors
/// When MLX refuses the operation.
pub fn attend(
    queries: &Array,
    keys: &Array,
    values: &Array,
    causal: bool,
) -> Result<Array, Exception> {
    let scale = 1.0 / (queries.dim(3) as f32).sqrt();
    let causal = causal && queries.dim(2) > 1;
    product([queries, keys, values], |[queries, keys, values]| {
        if causal {
            let mask = ScaledDotProductAttentionMask::Causal;
            fast::scaled_dot_product_attention(queries, keys, values, scale, mask, None)
        } else {
            fast::scaled_dot_product_attention(queries, keys, values, scale, None, None)
        }
    })
}
