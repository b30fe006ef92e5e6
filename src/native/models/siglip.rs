//! The `SigLIP` vision tower as Idefics3 and `SmolVLM` carry it (no class token, no
//! pooling head). Reference: transformers 5.23, `modeling_idefics3.py`.

use mlx_rs::{Array, Dtype, error::Exception, ops};

use crate::native::{
    models::vision_config::VisionConfig,
    nn::{
        embedding::Embedding,
        norm::LayerNorm,
        product::product,
        vit::{Encoder, EncoderShape},
    },
    weights::{Scope, WeightsError},
};

/// Patch embedding, learned positions, encoder and final norm.
#[derive(Debug)]
pub struct SiglipTower {
    /// `[hidden, patch, patch, 3]`.
    patch_kernel: Array,
    patch_bias: Array,
    /// `[1, side², hidden]`.
    positions: Array,
    encoder: Encoder,
    post_layernorm: LayerNorm,
    patch_size: i32,
    side: i32,
}

impl SiglipTower {
    /// Takes the tower's tensors.
    ///
    /// # Errors
    /// When one is missing or shaped otherwise.
    pub fn new(scope: &Scope<'_>, config: &VisionConfig) -> Result<Self, WeightsError> {
        let shape = EncoderShape::from(config);
        let (side, patch_size) = (config.grid() as i32, config.patch_size as i32);
        let embeddings = scope.scope("embeddings");
        let patch = embeddings.scope("patch_embedding");
        let patches = side.saturating_mul(side);
        let table = Embedding::new(&embeddings.scope("position_embedding"), patches, shape.hidden)?;
        Ok(Self {
            patch_kernel: patch.patch_kernel(shape.hidden, patch_size, 3)?,
            patch_bias: patch.tensor("bias", &[shape.hidden])?,
            positions: scope.compute(|| table.table()?.expand_dims(0))?,
            encoder: Encoder::new(&scope.scope("encoder"), shape)?,
            post_layernorm: LayerNorm::new(
                &scope.scope("post_layernorm"),
                shape.hidden,
                shape.eps,
            )?,
            patch_size,
            side,
        })
    }

    /// The precision the tower computes in.
    pub fn dtype(&self) -> Dtype {
        self.patch_kernel.dtype()
    }

    /// Patches along each edge of a frame.
    pub fn side(&self) -> i32 {
        self.side
    }

    /// Full frames `[frames, image, image, 3]` → `[frames, side², hidden]`. Pixels
    /// beyond the last whole patch are left out, as a valid convolution does, and
    /// every patch keeps its own position: the identity that the reference's
    /// bucketing gives for full frames.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn forward(&self, frames: &Array) -> Result<Array, Exception> {
        let stride = (self.patch_size, self.patch_size);
        let patches = product([frames, &self.patch_kernel], |[frames, kernel]| {
            ops::conv2d(frames, kernel, stride, None, None, None)
        })?; // [f, side, side, d]
        let (count, hidden) = (patches.dim(0), patches.dim(3));
        let x = patches.add(&self.patch_bias)?.reshape(&[count, self.side * self.side, hidden])?;
        self.post_layernorm.forward(&self.encoder.forward(x.add(&self.positions)?)?)
    }
}
