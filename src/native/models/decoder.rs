//! The decoder-only language model that the Llama family shares: pre-norm blocks of
//! causal grouped-query attention with rotary positions and a gated MLP.
//! Reference: transformers 5.23, `modeling_llama.py`.

use mlx_rs::{Array, Dtype, error::Exception, fast, ops, ops::indexing::TryIndexOp};

use crate::native::{
    models::text_config::TextConfig,
    nn::{
        activation::Activation,
        attention::{attend, merge_heads, split_heads},
        embedding::Embedding,
        kv_cache::KvCache,
        linear::Linear,
        norm::RmsNorm,
    },
    weights::{Scope, WeightsError},
};

/// Embedding, blocks, norm and head.
#[derive(Debug)]
pub struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
    /// `None`: tied to the embedding.
    lm_head: Option<Linear>,
}

impl Decoder {
    /// Takes the decoder's tensors from `model` and the head from `lm_head` if the
    /// checkpoint stores one. Otherwise the head is the embedding table, unless
    /// `tied` is `Some(false)`: then the head is missing.
    ///
    /// # Errors
    /// When a tensor is missing or shaped otherwise.
    pub fn new(
        model: &Scope<'_>,
        lm_head: &Scope<'_>,
        config: &TextConfig,
        tied: Option<bool>,
    ) -> Result<Self, WeightsError> {
        let layers = model.scope("layers");
        let untied = lm_head.has("weight") || tied == Some(false);
        let (vocab, hidden) = (config.vocab_size as i32, config.hidden_size as i32);
        Ok(Self {
            embed_tokens: Embedding::new(&model.scope("embed_tokens"), vocab, hidden)?,
            layers: (0..config.num_hidden_layers)
                .map(|i| Block::new(&layers.scope(i), config))
                .collect::<Result<_, _>>()?,
            norm: RmsNorm::new(&model.scope("norm"), hidden, config.rms_norm_eps)?,
            lm_head: untied.then(|| Linear::new(lm_head, hidden, vocab, false)).transpose()?,
        })
    }

    /// Integer `ids` `[n]` → `[n, hidden]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn embed(&self, ids: &Array) -> Result<Array, Exception> {
        self.embed_tokens.forward(ids)
    }

    /// An empty cache a layer, with room for `positions`.
    pub fn new_cache(&self, positions: usize) -> Vec<KvCache> {
        self.layers.iter().map(|_| KvCache::with_capacity(positions)).collect()
    }

    /// Runs `x` `[1, n, hidden]`, the positions that follow those in the cache, and
    /// returns the logits of the last one, float32 `[vocab]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn logits(&self, x: Array, cache: &mut [KvCache]) -> Result<Array, Exception> {
        let x = self
            .layers
            .iter()
            .zip(cache)
            .try_fold(x, |x, (layer, cache)| layer.forward(&x, cache))?;
        let last = self.norm.forward(&x.try_index((0, -1))?.expand_dims(0)?)?; // [1, hidden]
        let logits = match &self.lm_head {
            Some(head) => head.forward(&last)?,
            None => self.embed_tokens.as_linear(&last)?,
        };
        ops::squeeze_axes(logits, &[0])?.as_dtype(Dtype::Float32)
    }
}

#[derive(Debug)]
struct Block {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: Mlp,
}

impl Block {
    fn new(scope: &Scope<'_>, config: &TextConfig) -> Result<Self, WeightsError> {
        let norm = |name: &str| {
            RmsNorm::new(&scope.scope(name), config.hidden_size as i32, config.rms_norm_eps)
        };
        Ok(Self {
            input_layernorm: norm("input_layernorm")?,
            self_attn: Attention::new(&scope.scope("self_attn"), config)?,
            post_attention_layernorm: norm("post_attention_layernorm")?,
            mlp: Mlp::new(&scope.scope("mlp"), config)?,
        })
    }

    fn forward(&self, x: &Array, cache: &mut KvCache) -> Result<Array, Exception> {
        let x = x.add(self.self_attn.forward(&self.input_layernorm.forward(x)?, cache)?)?;
        x.add(self.mlp.forward(&self.post_attention_layernorm.forward(&x)?)?)
    }
}

#[derive(Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    heads: i32,
    kv_heads: i32,
    head_dim: i32,
    rope_theta: f32,
}

impl Attention {
    fn new(scope: &Scope<'_>, config: &TextConfig) -> Result<Self, WeightsError> {
        let (hidden, head_dim) = (config.hidden_size as i32, config.head_dim as i32);
        let (heads, kv_heads) =
            (config.num_attention_heads as i32, config.num_key_value_heads as i32);
        let bias = config.attention_bias;
        // A width beyond i32 is no tensor's, so it ends in an error that names one.
        let (width, kv_width) = (heads.saturating_mul(head_dim), kv_heads.saturating_mul(head_dim));
        Ok(Self {
            q_proj: Linear::new(&scope.scope("q_proj"), hidden, width, bias)?,
            k_proj: Linear::new(&scope.scope("k_proj"), hidden, kv_width, bias)?,
            v_proj: Linear::new(&scope.scope("v_proj"), hidden, kv_width, bias)?,
            o_proj: Linear::new(&scope.scope("o_proj"), width, hidden, bias)?,
            heads,
            kv_heads,
            head_dim,
            rope_theta: config.rope_theta,
        })
    }

    fn forward(&self, x: &Array, cache: &mut KvCache) -> Result<Array, Exception> {
        let offset = cache.offset();
        let queries = self.rotate(&split_heads(&self.q_proj.forward(x)?, self.heads)?, offset)?;
        let keys = self.rotate(&split_heads(&self.k_proj.forward(x)?, self.kv_heads)?, offset)?;
        let values = split_heads(&self.v_proj.forward(x)?, self.kv_heads)?;
        let (keys, values) = cache.update_and_fetch(&keys, &values)?;
        self.o_proj.forward(&merge_heads(&attend(&queries, &keys, &values, true)?)?)
    }

    /// Rotary positions over the two halves of each head (Su et al. 2021, "rotate half").
    fn rotate(&self, x: &Array, offset: i32) -> Result<Array, Exception> {
        fast::rope(x, self.head_dim, false, self.rope_theta, 1.0, offset, None)
    }
}

#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "the names are those of the checkpoint")]
struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
}

impl Mlp {
    fn new(scope: &Scope<'_>, config: &TextConfig) -> Result<Self, WeightsError> {
        let (hidden, intermediate) = (config.hidden_size as i32, config.intermediate_size as i32);
        let bias = config.mlp_bias;
        Ok(Self {
            gate_proj: Linear::new(&scope.scope("gate_proj"), hidden, intermediate, bias)?,
            up_proj: Linear::new(&scope.scope("up_proj"), hidden, intermediate, bias)?,
            down_proj: Linear::new(&scope.scope("down_proj"), intermediate, hidden, bias)?,
        })
    }

    fn forward(&self, x: &Array) -> Result<Array, Exception> {
        let gate = Activation::Silu.apply(&self.gate_proj.forward(x)?)?;
        self.down_proj.forward(&gate.multiply(self.up_proj.forward(x)?)?)
    }
}
