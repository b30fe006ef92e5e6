//! The transformer encoder that CLIP and `SigLIP` towers share: pre-norm blocks of
//! bidirectional attention and a two-layer MLP, all with biases.

use mlx_rs::{Array, error::Exception};

use crate::native::{
    nn::{
        activation::Activation,
        attention::{attend, merge_heads, split_heads},
        linear::Linear,
        norm::LayerNorm,
    },
    weights::{Scope, WeightsError},
};

/// Sizes of an encoder.
#[derive(Debug, Clone, Copy)]
pub struct EncoderShape {
    /// Width of the residual stream.
    pub hidden: i32,
    /// Width inside the MLP.
    pub intermediate: i32,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads; they divide `hidden`.
    pub heads: i32,
    /// Added to variances.
    pub eps: f32,
    /// Between the MLP's layers.
    pub activation: Activation,
}

/// The stack of blocks, `encoder.layers.N` in a checkpoint.
#[derive(Debug)]
pub struct Encoder {
    layers: Vec<Block>,
}

impl Encoder {
    /// Takes the tensors of all blocks.
    ///
    /// # Errors
    /// When one is missing or shaped otherwise.
    pub fn new(scope: &Scope<'_>, shape: EncoderShape) -> Result<Self, WeightsError> {
        let layers = scope.scope("layers");
        let layers = (0..shape.layers)
            .map(|i| Block::new(&layers.scope(i), shape))
            .collect::<Result<_, _>>()?;
        Ok(Self { layers })
    }

    /// `x` `[frames, patches, hidden]` through all blocks.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn forward(&self, x: Array) -> Result<Array, Exception> {
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x))
    }
}

#[derive(Debug)]
struct Block {
    layer_norm1: LayerNorm,
    self_attn: Attention,
    layer_norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    activation: Activation,
}

impl Block {
    fn new(scope: &Scope<'_>, shape: EncoderShape) -> Result<Self, WeightsError> {
        let EncoderShape { hidden, intermediate, eps, activation, .. } = shape;
        let mlp = scope.scope("mlp");
        Ok(Self {
            layer_norm1: LayerNorm::new(&scope.scope("layer_norm1"), hidden, eps)?,
            self_attn: Attention::new(&scope.scope("self_attn"), shape)?,
            layer_norm2: LayerNorm::new(&scope.scope("layer_norm2"), hidden, eps)?,
            fc1: Linear::new(&mlp.scope("fc1"), hidden, intermediate, true)?,
            fc2: Linear::new(&mlp.scope("fc2"), intermediate, hidden, true)?,
            activation,
        })
    }

    fn forward(&self, x: &Array) -> Result<Array, Exception> {
        let x = x.add(self.self_attn.forward(&self.layer_norm1.forward(x)?)?)?;
        let inner = self.fc1.forward(&self.layer_norm2.forward(&x)?)?;
        x.add(self.fc2.forward(&self.activation.apply(&inner)?)?)
    }
}

#[derive(Debug)]
struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    out_proj: Linear,
    heads: i32,
}

impl Attention {
    fn new(scope: &Scope<'_>, shape: EncoderShape) -> Result<Self, WeightsError> {
        let linear = |name: &str| Linear::new(&scope.scope(name), shape.hidden, shape.hidden, true);
        Ok(Self {
            q_proj: linear("q_proj")?,
            k_proj: linear("k_proj")?,
            v_proj: linear("v_proj")?,
            out_proj: linear("out_proj")?,
            heads: shape.heads,
        })
    }

    fn forward(&self, x: &Array) -> Result<Array, Exception> {
        let queries = split_heads(&self.q_proj.forward(x)?, self.heads)?;
        let keys = split_heads(&self.k_proj.forward(x)?, self.heads)?;
        let values = split_heads(&self.v_proj.forward(x)?, self.heads)?;
        self.out_proj.forward(&merge_heads(&attend(&queries, &keys, &values, false)?)?)
    }
}
