//! What a memory read from the store lacks: the rules that hold for each series now.

use std::sync::Arc;

use crate::domain::alerting::rules::Effective;
use crate::domain::alerting::rules::Rules;
use crate::domain::alerting::rules::Subject;
use crate::domain::alerting::state::Memory;

impl Rules {
    /// What holds where no rule matches.
    #[must_use]
    pub fn global(&self) -> Arc<Effective> {
        self.effective_of(&[])
    }

    /// Gives each product and combination of a memory read from the store the rules that hold for it, so that pages
    /// and metrics can show thresholds before the first look. A combination's own rules need its options and come
    /// with that look.
    pub fn attach(&self, instance: &str, memory: &mut Memory) {
        for product in &mut memory.products {
            let effective = self.effective(&Subject {
                instance,
                group_id: product.group_id,
                group: product.group.as_ref(),
                product_id: product.id,
                product: &product.name,
                pairs: None,
            });
            let product = Arc::make_mut(product);
            for combination in &mut product.combinations {
                combination.effective = Arc::clone(&effective);
            }
            product.effective = effective;
        }
    }
}
