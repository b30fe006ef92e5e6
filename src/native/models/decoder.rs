//! The decoder-only language model that Llama, Mistral and Phi-3 share: pre-norm blocks of
//! causal grouped-query attention with rotary positions and a gated MLP.
//! Reference: transformers 5.23, `modeling_llama.py`, `modeling_mistral.py`, `modeling_phi3.py`.

use mlx_rs::{Array, Dtype, error::Exception, ops, ops::indexing::TryIndexOp};

use crate::native::{
    models::{
        rope_config::{LongRopeConfig, RopeConfig},
        text_config::TextConfig,
    },
    nn::{
        activation::Activation,
        attention::{attend, merge_heads, split_heads},
        embedding::Embedding,
        kv_cache::KvCache,
        linear::Linear,
        norm::RmsNorm,
        rope::{Regime, Rope},
    },
    weights::{Scope, WeightsError},
};

/// What a decoder has seen: keys and values of every layer, in one rotary regime.
#[derive(Debug)]
pub struct DecoderCache {
    layers: Vec<KvCache>,
    regime: Regime,
}

impl DecoderCache {
    /// The rotary regime its keys belong to.
    pub fn regime(&self) -> Regime {
        self.regime
    }

    /// The arrays behind the cache, for evaluation.
    pub fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.layers.iter().flat_map(KvCache::arrays)
    }

    /// The number of positions held.
    pub fn positions(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.offset() as usize)
    }

    /// Bytes of the buffers, those of unused positions included.
    pub fn bytes(&self) -> u64 {
        self.arrays().map(|array| array.nbytes() as u64).sum()
    }

    /// Positions of the buffers; `None` before the first is allocated.
    pub fn capacity(&self) -> Option<usize> {
        self.layers.first()?.arrays().next().map(|keys| keys.dim(2) as usize)
    }

    /// Forgets all but the first `positions`.
    pub fn truncate(&mut self, positions: usize) {
        self.layers.iter_mut().for_each(|layer| layer.truncate(positions));
    }

    /// Whether `positions` fit without another allocation.
    pub fn has_room_for(&self, positions: usize) -> bool {
        self.layers.iter().all(|layer| layer.has_room_for(positions))
    }

    /// The same positions in buffers as large as those of a new cache with room for
    /// `positions`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn with_room_for(&self, positions: usize) -> Result<Self, Exception> {
        let layers = self.layers.iter().map(|layer| layer.with_room_for(positions));
        Ok(Self { layers: layers.collect::<Result<_, _>>()?, regime: self.regime })
    }
}

/// Embedding, blocks, norm and head.
#[derive(Debug)]
pub struct Decoder {
    embed_tokens: Embedding,
    layers: Vec<Block>,
    norm: RmsNorm,
    /// `None`: tied to the embedding.
    lm_head: Option<Linear>,
    rope: Rope,
    /// Positions of the short rotary regime.
    original_length: usize,
    /// Most positions it was made for.
    context_length: usize,
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
            rope: rope(config),
            original_length: match &config.rope {
                RopeConfig::Plain { .. } => usize::MAX,
                RopeConfig::Long(long) => long.original_length,
            },
            // It attends to everything; up to a window's length that is the same.
            context_length: config
                .sliding_window
                .unwrap_or(usize::MAX)
                .min(config.max_position_embeddings),
        })
    }

    /// Most positions the decoder was made for.
    pub fn context_length(&self) -> usize {
        self.context_length
    }

    /// The rotary regime of a sequence of `length` positions.
    pub fn regime(&self, length: usize) -> Regime {
        if length > self.original_length { Regime::Long } else { Regime::Short }
    }

    /// Integer `ids` `[n]` → `[n, hidden]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn embed(&self, ids: &Array) -> Result<Array, Exception> {
        self.embed_tokens.forward(ids)
    }

    /// An empty cache with room for `positions`, for a sequence of `length` positions.
    pub fn new_cache(&self, positions: usize, length: usize) -> DecoderCache {
        DecoderCache {
            layers: self.layers.iter().map(|_| KvCache::with_capacity(positions)).collect(),
            regime: self.regime(length),
        }
    }

    /// Bytes of a cache with room for as few positions as are allocated at once. The buffers are
    /// those that the blocks would make, but nothing is computed and nothing allocated.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn smallest_cache_bytes(&self) -> Result<u64, Exception> {
        let mut cache = self.new_cache(1, 1);
        let first = Array::from_slice(&[0_i32], &[1]);
        self.blocks(self.embed(&first)?.expand_dims(0)?, &mut cache)?;
        Ok(cache.bytes())
    }

    /// Runs `x` `[1, n, hidden]`, the positions that follow those in the cache, and
    /// returns the logits of the last one, float32 `[vocab]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn logits(&self, x: Array, cache: &mut DecoderCache) -> Result<Array, Exception> {
        let x = self.blocks(x, cache)?;
        let last = x.try_index((0, -1))?.expand_dims(0)?; // [1, hidden]
        ops::squeeze_axes(self.head(&last)?, &[0])
    }

    /// The same for every position of `x`: float32 `[n, vocab]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn all_logits(&self, x: Array, cache: &mut DecoderCache) -> Result<Array, Exception> {
        let x = self.blocks(x, cache)?;
        self.head(&ops::squeeze_axes(x, &[0])?)
    }

    fn blocks(&self, x: Array, cache: &mut DecoderCache) -> Result<Array, Exception> {
        let regime = cache.regime;
        let layers = self.layers.iter().zip(&mut cache.layers);
        layers
            .into_iter()
            .try_fold(x, |x, (layer, cache)| layer.forward(&x, (&self.rope, regime), cache))
    }

    /// Normed `x` `[n, hidden]` → float32 logits `[n, vocab]`.
    fn head(&self, x: &Array) -> Result<Array, Exception> {
        let x = self.norm.forward(x)?;
        let logits = match &self.lm_head {
            Some(head) => head.forward(&x)?,
            None => self.embed_tokens.as_linear(&x)?,
        };
        logits.as_dtype(Dtype::Float32)
    }
}

fn rope(config: &TextConfig) -> Rope {
    let dims = config.head_dim as i32;
    match &config.rope {
        RopeConfig::Plain { theta } => Rope::Plain { dims, theta: *theta },
        RopeConfig::Long(LongRopeConfig {
            theta,
            short_factor,
            long_factor,
            attention_factor,
            ..
        }) => Rope::long(dims, *theta, short_factor, long_factor, *attention_factor),
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

    fn forward(
        &self,
        x: &Array,
        rope: (&Rope, Regime),
        cache: &mut KvCache,
    ) -> Result<Array, Exception> {
        let x = x.add(self.self_attn.forward(&self.input_layernorm.forward(x)?, rope, cache)?)?;
        x.add(self.mlp.forward(&self.post_attention_layernorm.forward(&x)?)?)
    }
}

#[derive(Debug)]
struct Attention {
    projection: QkvProjection,
    o_proj: Linear,
    heads: i32,
    kv_heads: i32,
}

#[derive(Debug)]
enum QkvProjection {
    Separate {
        q: Linear,
        k: Linear,
        v: Linear,
    },
    /// Rows of query, key and value after one another.
    Fused(Linear),
}

impl Attention {
    fn new(scope: &Scope<'_>, config: &TextConfig) -> Result<Self, WeightsError> {
        let (hidden, head_dim) = (config.hidden_size as i32, config.head_dim as i32);
        let (heads, kv_heads) =
            (config.num_attention_heads as i32, config.num_key_value_heads as i32);
        let linear = |name: &str, outputs: i32| {
            Linear::new(&scope.scope(name), hidden, outputs, config.attention_bias)
        };
        // A width beyond i32 is no tensor's, so it ends in an error that names one.
        let (width, kv_width) = (heads.saturating_mul(head_dim), kv_heads.saturating_mul(head_dim));
        let projection = if config.fused_projections {
            let all = width.saturating_add(kv_width.saturating_mul(2));
            QkvProjection::Fused(linear("qkv_proj", all)?)
        } else {
            QkvProjection::Separate {
                q: linear("q_proj", width)?,
                k: linear("k_proj", kv_width)?,
                v: linear("v_proj", kv_width)?,
            }
        };
        let o_proj = Linear::new(&scope.scope("o_proj"), width, hidden, config.attention_bias)?;
        Ok(Self { projection, o_proj, heads, kv_heads })
    }

    fn forward(
        &self,
        x: &Array,
        (rope, regime): (&Rope, Regime),
        cache: &mut KvCache,
    ) -> Result<Array, Exception> {
        let [queries, keys, values] = self.project(x)?;
        let offset = cache.offset();
        let queries = rope.rotate(&split_heads(&queries, self.heads)?, offset, regime)?;
        let keys = rope.rotate(&split_heads(&keys, self.kv_heads)?, offset, regime)?;
        let (keys, values) =
            cache.update_and_fetch(&keys, &split_heads(&values, self.kv_heads)?)?;
        self.o_proj.forward(&merge_heads(&attend(&queries, &keys, &values, true)?)?)
    }

    fn project(&self, x: &Array) -> Result<[Array; 3], Exception> {
        match &self.projection {
            QkvProjection::Separate { q, k, v } => {
                Ok([q.forward(x)?, k.forward(x)?, v.forward(x)?])
            }
            QkvProjection::Fused(qkv) => {
                let all = qkv.forward(x)?;
                let head_dim = all.dim(2) / (self.heads + 2 * self.kv_heads);
                let (keys, values) =
                    (self.heads * head_dim, (self.heads + self.kv_heads) * head_dim);
                Ok([
                    all.try_index((.., .., ..keys))?,
                    all.try_index((.., .., keys..values))?,
                    all.try_index((.., .., values..))?,
                ])
            }
        }
    }
}

#[derive(Debug)]
struct Mlp {
    input: GateUpProjection,
    down_proj: Linear,
}

#[derive(Debug)]
enum GateUpProjection {
    Separate {
        gate: Linear,
        up: Linear,
    },
    /// Rows of the gate, then of the other.
    Fused(Linear),
}

impl Mlp {
    fn new(scope: &Scope<'_>, config: &TextConfig) -> Result<Self, WeightsError> {
        let (hidden, intermediate) = (config.hidden_size as i32, config.intermediate_size as i32);
        let linear = |name: &str, inputs: i32, outputs: i32| {
            Linear::new(&scope.scope(name), inputs, outputs, config.mlp_bias)
        };
        let input = if config.fused_projections {
            let both = intermediate.saturating_mul(2);
            GateUpProjection::Fused(linear("gate_up_proj", hidden, both)?)
        } else {
            GateUpProjection::Separate {
                gate: linear("gate_proj", hidden, intermediate)?,
                up: linear("up_proj", hidden, intermediate)?,
            }
        };
        Ok(Self { input, down_proj: linear("down_proj", intermediate, hidden)? })
    }

    fn forward(&self, x: &Array) -> Result<Array, Exception> {
        let (gate, up) = match &self.input {
            GateUpProjection::Separate { gate, up } => (gate.forward(x)?, up.forward(x)?),
            GateUpProjection::Fused(gate_up) => {
                let both = gate_up.forward(x)?;
                let half = both.dim(2) / 2;
                (both.try_index((.., .., ..half))?, both.try_index((.., .., half..))?)
            }
        };
        self.down_proj.forward(&Activation::Silu.apply(&gate)?.multiply(up)?)
    }
}
