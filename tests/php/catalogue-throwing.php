<?php

/* A catalogue that cannot be had, and says so in every way PHP knows. */

declare(strict_types=1);

namespace WHMCS\Api\V1;

final class Catalog
{
    public static function get(): self
    {
        echo 'printed';
        trigger_error('a notice');
        throw new \Error('no catalogue today');
    }

    public static function add(array $actions, array $groups = []): void
    {
    }
}
