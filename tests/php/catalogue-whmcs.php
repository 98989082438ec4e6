<?php

/* The catalogue of API actions as other people's hooks use it; what is added is kept for the test. */

declare(strict_types=1);

namespace WHMCS\Api\V1;

final class Catalog
{
    private static $actions = ['getproducts' => ['group' => 'Products', 'name' => 'GetProducts', 'default' => 0]];
    private static $groups = ['Products' => ['name' => 'Products']];

    public static function get(): self
    {
        return new self();
    }

    public static function add(array $actions, array $groups = []): void
    {
        self::$actions += $actions;
        self::$groups += $groups;
        $GLOBALS['catalogue'] = ['actions' => self::$actions, 'groups' => self::$groups];
    }

    public function getActions(): array
    {
        return self::$actions;
    }

    public function getGroups(): array
    {
        return self::$groups;
    }
}
