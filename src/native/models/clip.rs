//! CLIP's vision tower, cut off at the layer whose output a model reads.
//! Reference: transformers 5.23, `modeling_clip.py`.

use mlx_rs::{Array, Dtype, error::Exception, ops, ops::indexing::TryIndexOp};

use crate::native::{
    models::{
        config_fields::{ConfigError, Fields},
        vision_config::VisionConfig,
    },
    nn::{
        embedding::Embedding,
        norm::LayerNorm,
        product::product,
        vit::{Encoder, EncoderShape},
    },
    weights::{Scope, WeightsError},
};

/// Which hidden states of the tower become features.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureSelection {
    /// Encoder layers to run.
    pub layers: usize,
    /// How many there are.
    pub depth: usize,
    /// Whether the class token's state is kept, as the first of each frame.
    pub class_token: bool,
}

impl FeatureSelection {
    /// The hidden states of index `layer`, as transformers counts them: 0 is what enters
    /// the encoder, −1 what leaves its last layer; by default −2.
    ///
    /// # Errors
    /// [`ConfigError`] when the tower of `vision` has no such layer.
    pub fn of_layer(
        fields: Fields<'_>,
        name: &str,
        vision: &VisionConfig,
        class_token: bool,
    ) -> Result<Self, ConfigError> {
        let depth = vision.num_hidden_layers;
        let layer = fields.integer(name)?.unwrap_or(-2);
        let counted = if layer < 0 { depth as i64 + 1 + layer } else { layer };
        match usize::try_from(counted) {
            Ok(layers) if layers <= depth => Ok(Self { layers, depth, class_token }),
            _ => {
                Err(fields.invalid(name, format!("{layer} is none of the tower's {depth} layers")))
            }
        }
    }

    /// [`leaves_out`](Self::leaves_out) for a name in the network, whose tower is at `prefix`.
    pub fn leaves_out_of(&self, prefix: &str, name: &str) -> bool {
        name.strip_prefix(prefix).is_some_and(|name| self.leaves_out(name))
    }

    /// Whether a tensor of this name in the tower lies behind the layer that is read.
    pub fn leaves_out(&self, name: &str) -> bool {
        let layer = name.strip_prefix("encoder.layers.").and_then(|rest| rest.split('.').next());
        let layer = layer.and_then(|layer| layer.parse::<usize>().ok());
        name.starts_with("post_layernorm.")
            || layer.is_some_and(|layer| (self.layers..self.depth).contains(&layer))
    }
}

/// Class token, patch embedding, learned positions, norm and the encoder's first layers.
#[derive(Debug)]
pub struct ClipTower {
    /// `[hidden, patch, patch, 3]`.
    patch_kernel: Array,
    /// `[1, 1, hidden]`: class token and its position.
    class_row: Array,
    /// `[1, side², hidden]`.
    positions: Array,
    pre_layernorm: LayerNorm,
    encoder: Encoder,
    class_token: bool,
    patch_size: i32,
    side: i32,
}

impl ClipTower {
    /// Takes the tower's tensors; those behind the selected layer are left out.
    ///
    /// # Errors
    /// When one is missing or shaped otherwise.
    pub fn new(
        scope: &Scope<'_>,
        config: &VisionConfig,
        selection: FeatureSelection,
    ) -> Result<Self, WeightsError> {
        let shape = EncoderShape { layers: selection.layers, ..EncoderShape::from(config) };
        let (side, patch_size) = (config.grid() as i32, config.patch_size as i32);
        let embeddings = scope.scope("embeddings");
        let class = embeddings.tensor("class_embedding", &[shape.hidden])?;
        let rows = side.saturating_mul(side).saturating_add(1);
        let table = Embedding::new(&embeddings.scope("position_embedding"), rows, shape.hidden)?;
        let table = scope.compute(|| table.table()?.expand_dims(0))?;
        let class_row = scope.compute(|| class.add(table.try_index((.., ..1, ..))?))?;
        let tower = Self {
            patch_kernel: embeddings.scope("patch_embedding").patch_kernel(
                shape.hidden,
                patch_size,
                3,
            )?,
            class_row,
            positions: scope.compute(|| table.try_index((.., 1.., ..)))?,
            pre_layernorm: LayerNorm::new(
                &scope.scope("pre_layrnorm"), // the checkpoints' own spelling
                shape.hidden,
                shape.eps,
            )?,
            encoder: Encoder::new(&scope.scope("encoder"), shape)?,
            class_token: selection.class_token,
            patch_size,
            side,
        };
        scope.discard(|name| selection.leaves_out(name));
        Ok(tower)
    }

    /// The precision the tower computes in.
    pub fn dtype(&self) -> Dtype {
        self.patch_kernel.dtype()
    }

    /// Frames `[frames, image, image, 3]` → `[frames, side² (+ 1), hidden]`.
    ///
    /// # Errors
    /// When MLX refuses the operation.
    pub fn forward(&self, frames: &Array) -> Result<Array, Exception> {
        let stride = (self.patch_size, self.patch_size);
        let patches = product([frames, &self.patch_kernel], |[frames, kernel]| {
            ops::conv2d(frames, kernel, stride, None, None, None)
        })?; // [f, side, side, d]
        let (count, hidden) = (patches.dim(0), patches.dim(3));
        let patches = patches.reshape(&[count, self.side * self.side, hidden])?;
        let class = ops::broadcast_to(&self.class_row, &[count, 1, hidden])?;
        let x = ops::concatenate(&[&class, &patches.add(&self.positions)?], 1)?;
        let x = self.encoder.forward(self.pre_layernorm.forward(&x)?)?;
        if self.class_token { Ok(x) } else { x.try_index((.., 1.., ..)) }
    }
}
